#include "absl/strings/str_cat.h"
#include "tests/service/watch/validator_steps.h"

namespace modelref::testing {
namespace {

// Reads one trace from its first message.
class SnapshotCheck {
 public:
  SnapshotCheck(const WatchTrace& trace, const CommitLog& log)
      : trace_(trace), log_(log), missing_(trace.watched) {}

  void Visit(const Step& step) {
    if (step.message.has_snapshot_begin()) Begin(step);
    if (state_ == nullptr) return;
    if (step.in_snapshot && Revision(step) != begin_) Complain(step, "a part moved on");
    for (const v1::WatchEvent& event : step.message.events().events()) {
      if (step.in_snapshot) {
        Entry(step, event);
      } else if (event.mod_revision() <= begin_) {
        Complain(step, "an event is older than the snapshot");
      }
    }
    if (step.message.has_snapshot_end()) End(step);
  }

  Violations TakeFound() { return std::move(found_); }

 private:
  static uint64_t Revision(const Step& step) { return step.message.header().revision(); }
  void Complain(const Step& step, absl::string_view what) {
    found_.push_back(absl::StrCat(step.at, what));
  }

  void Begin(const Step& step) {
    begin_ = Revision(step);
    missing_ = trace_.watched;
    state_ = log_.At(begin_);
    if (state_ == nullptr) Complain(step, "the snapshot is inside a transaction");
    if (step.message.snapshot_begin().document_count() != trace_.watched.size()) {
      Complain(step, "the document count is wrong");
    }
  }

  void Entry(const Step& step, const v1::WatchEvent& event) {
    const DocumentKey key = KeyOf(event);
    if (missing_.erase(key) == 0) {
      Complain(step, absl::StrCat(key.ToString(), " is sent twice, or is not watched"));
      return;
    }
    CheckState(event, *state_->at(key), step.at, &found_);
  }

  void End(const Step& step) {
    if (Revision(step) != begin_) Complain(step, "the snapshot ends elsewhere");
    TakeUnchanged(step);
    for (const DocumentKey& key : missing_) {
      Complain(step, absl::StrCat(key.ToString(), " is neither sent nor marked unchanged"));
    }
    if (step.message.snapshot_end().digest() != DigestAt(*state_, trace_.watched)) {
      Complain(step, "the digest is not that of the snapshot");
    }
  }

  void TakeUnchanged(const Step& step) {
    const std::string& bits = step.message.snapshot_end().unchanged();
    if (bits.size() != (trace_.known.size() + 7) / 8) {
      Complain(step, "the bitmap has a wrong size");
      return;
    }
    std::set<DocumentKey> unchanged;
    for (size_t i = 0; i < trace_.known.size(); ++i) {
      if ((static_cast<uint8_t>(bits[i / 8]) >> (i % 8) & 1) == 0) continue;
      const auto& [key, etag] = trace_.known[i];
      if (missing_.count(key) == 0) {
        Complain(step, absl::StrCat(key.ToString(), " is marked and sent, or is not watched"));
        continue;
      }
      if (state_->at(key)->etag != etag) {
        Complain(step, absl::StrCat(key.ToString(), " is marked and has changed"));
      }
      unchanged.insert(key);
    }
    for (const DocumentKey& key : unchanged) missing_.erase(key);
  }

  const WatchTrace& trace_;
  const CommitLog& log_;
  std::set<DocumentKey> missing_;
  uint64_t begin_ = 0;
  const LoggedState* state_ = nullptr;
  Violations found_;
};

}  // namespace

Violations CheckSnapshot(const WatchTrace& trace, const CommitLog& log) {
  SnapshotCheck check(trace, log);
  ForEachStep(trace, [&](const Step& step) { check.Visit(step); });
  return check.TakeFound();
}

}  // namespace modelref::testing

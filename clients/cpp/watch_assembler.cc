#include "clients/cpp/watch_assembler.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

// What StartSnapshot takes; documents beyond are sent again, which is harmless.
constexpr size_t kMaxKnown = 4096;
// What a cut or a snapshot may hold, far above what a right server sends.
constexpr size_t kMaxEvents = 100'000;
constexpr size_t kMaxCutBytes = size_t{64} << 20;

bool BitAt(const std::string& bits, size_t index) {
  const size_t byte = index / 8;
  return byte < bits.size() && (static_cast<unsigned char>(bits[byte]) >> (index % 8) & 1) != 0;
}

absl::Status Unexpected(const v1::WatchResponse& message) {
  return BrokenWatch(kBrokenSequence,
                     absl::StrCat("a message of kind ", static_cast<int>(message.body_case()),
                                  " does not belong here"));
}

}  // namespace

WatchAssembler::WatchAssembler(v1::WatchRequest request)
    : request_(std::move(request)), table_(request_.filter()), next_(request_) {
  if (next_.has_snapshot()) next_.clear_start();
  for (const v1::KnownDocumentState& known : request_.snapshot().known()) {
    const std::optional<DocumentKey> key = KeyOf(known.category(), known.format());
    if (key.has_value()) table_.Remember(*key, known.etag());
  }
}

void WatchAssembler::FillKnown(v1::StartSnapshot* start) {
  for (const auto& [key, document] : table_.documents()) {
    if (known_.size() == kMaxKnown) break;
    known_.push_back({key, document.etag});
    v1::KnownDocumentState* known = start->add_known();
    known->set_category(key.category);
    known->set_format(static_cast<v1::Format>(key.format));
    known->set_etag(document.etag);
  }
}

v1::WatchRequest WatchAssembler::BeginStream() {
  v1::WatchRequest request = next_;
  known_.clear();
  if (request.start_case() == v1::WatchRequest::START_NOT_SET) {
    FillKnown(request.mutable_snapshot());
  }
  start_ = request.start_case();
  resuming_ = start_ == v1::WatchRequest::kResumeToken || start_ == v1::WatchRequest::kPosition;
  phase_ = Phase::kOpening;
  TakeCollected();
  DoubtFreshness();
  return request;
}

void WatchAssembler::ForgetPosition() { next_.clear_start(); }

absl::StatusOr<std::optional<WatchCut>> WatchAssembler::Take(v1::WatchResponse message) {
  switch (message.body_case()) {
    case v1::WatchResponse::kCreated:
      RETURN_IF_ERROR(TakeCreated(message));
      return std::optional<WatchCut>();
    case v1::WatchResponse::kSnapshotBegin:
      // In the middle of a stream it means that the state was replaced.
      if (phase_ == Phase::kOpening || phase_ == Phase::kInSnapshot) return Unexpected(message);
      phase_ = Phase::kInSnapshot;
      TakeCollected();
      DoubtFreshness();
      reason_ = message.snapshot_begin().reason();
      return std::optional<WatchCut>();
    case v1::WatchResponse::kEvents:
      return TakeEvents(std::move(message));
    case v1::WatchResponse::kSnapshotEnd:
      return TakeSnapshotEnd(message);
    case v1::WatchResponse::kBookmark:
      return TakeBookmark(message);
    case v1::WatchResponse::kDrain:
    case v1::WatchResponse::kFreshness:
    case v1::WatchResponse::BODY_NOT_SET:  // From a newer server.
      if (phase_ == Phase::kOpening) return Unexpected(message);
      break;
  }
  return std::optional<WatchCut>();
}

absl::Status WatchAssembler::TakeCreated(const v1::WatchResponse& message) {
  if (phase_ != Phase::kOpening) return Unexpected(message);
  const v1::ResumeKind resume = message.created().resume();
  if (resuming_ && resume == v1::RESUME_KIND_UNSPECIFIED) {
    return BrokenWatch(kBrokenSequence, "the server does not say how the watch is continued");
  }
  const bool snapshot =
      resume == v1::RESUME_KIND_RESYNC || (!resuming_ && start_ != v1::WatchRequest::kNow);
  phase_ = snapshot ? Phase::kBeforeSnapshot : Phase::kLive;
  if (!snapshot) BeginChanges(message);
  resuming_ = false;
  return absl::OkStatus();
}

void WatchAssembler::BeginChanges(const v1::WatchResponse& message) {
  uint64_t revision = table_.revision();
  if (start_ == v1::WatchRequest::kNow) {
    revision = message.header().revision();
    // Should the stream break before its first cut, what happened since is not lost.
    *next_.mutable_position() = message.created().position();
  } else if (start_ == v1::WatchRequest::kPosition) {
    revision = next_.position().revision();
  }
  table_.Continue(message.header().epoch(), revision);
  if (!message.resume_token().empty()) next_.set_resume_token(message.resume_token());
}

std::vector<v1::WatchEvent> WatchAssembler::TakeCollected() {
  collected_bytes_ = 0;
  return std::exchange(collected_, {});
}

absl::StatusOr<std::optional<WatchCut>> WatchAssembler::TakeEvents(v1::WatchResponse message) {
  if (phase_ != Phase::kInSnapshot && phase_ != Phase::kLive) return Unexpected(message);
  auto* events = message.mutable_events()->mutable_events();
  collected_bytes_ += message.ByteSizeLong();
  if (collected_.size() + static_cast<size_t>(events->size()) > kMaxEvents ||
      collected_bytes_ > kMaxCutBytes) {
    return BrokenWatch(kBrokenSequence, "a cut is larger than any cut can be");
  }
  std::move(events->begin(), events->end(), std::back_inserter(collected_));
  if (phase_ == Phase::kInSnapshot || message.events().more()) return std::optional<WatchCut>();
  std::vector<v1::WatchEvent> whole = TakeCollected();
  RETURN_IF_ERROR(table_.ApplyChanges(message.header(), whole));
  WatchCut cut = MakeCut(WatchCut::Kind::kChanges, message);
  cut.events = std::move(whole);
  return cut;
}

absl::StatusOr<std::optional<WatchCut>> WatchAssembler::TakeSnapshotEnd(
    const v1::WatchResponse& message) {
  if (phase_ != Phase::kInSnapshot) return Unexpected(message);
  std::vector<NamedDocument> unchanged;
  for (size_t i = 0; i < known_.size(); ++i) {
    if (BitAt(message.snapshot_end().unchanged(), i)) unchanged.push_back(known_[i]);
  }
  const std::vector<v1::WatchEvent> entries = TakeCollected();
  if (message.snapshot_end().digest().empty()) {
    return BrokenWatch(kBrokenSequence, "the snapshot ends without a digest");
  }
  ASSIGN_OR_RETURN(
      std::vector<v1::WatchEvent> differences,
      table_.ApplySnapshot(message.header(), entries, unchanged, message.snapshot_end().digest()));
  phase_ = Phase::kLive;
  WatchCut cut = MakeCut(WatchCut::Kind::kSnapshot, message);
  cut.reason = reason_;
  cut.events = std::move(differences);
  return cut;
}

absl::StatusOr<std::optional<WatchCut>> WatchAssembler::TakeBookmark(
    const v1::WatchResponse& message) {
  // Between the parts of a cut it would speak of a state that nobody has.
  if (phase_ != Phase::kLive || !collected_.empty()) return Unexpected(message);
  RETURN_IF_ERROR(table_.ApplyBookmark(message.header(), message.bookmark().digest()));
  return MakeCut(WatchCut::Kind::kBookmark, message);
}

WatchCut WatchAssembler::MakeCut(WatchCut::Kind kind, const v1::WatchResponse& message) {
  // Without a token this cut cannot be continued, and where an older one was is not here.
  next_.clear_start();
  if (!message.resume_token().empty()) next_.set_resume_token(message.resume_token());
  WatchCut cut;
  cut.kind = kind;
  cut.header = message.header();
  cut.resume_token = message.resume_token();
  return cut;
}

absl::StatusOr<WatchCut> WatchAssembler::TakeListing(const v1::ResponseHeader& header,
                                                     const std::vector<v1::WatchEvent>& entries) {
  ASSIGN_OR_RETURN(std::vector<v1::WatchEvent> differences,
                   table_.ApplySnapshot(header, entries, {}, ""));
  ForgetPosition();
  WatchCut cut;
  cut.kind = WatchCut::Kind::kPolled;
  cut.header = header;
  cut.events = std::move(differences);
  return cut;
}

void WatchAssembler::DoubtFreshness() {
  for (const auto& [key, freshness] : stale_) unconfirmed_.insert(key);
}

bool WatchAssembler::TakeFreshness(const v1::Freshness& freshness) {
  const std::optional<DocumentKey> key = KeyOf(freshness.category(), freshness.format());
  if (!key.has_value()) return false;
  unconfirmed_.erase(*key);
  if (!freshness.stale()) return stale_.erase(*key) > 0;
  const auto [held, is_new] = stale_.try_emplace(*key, freshness);
  if (is_new) return true;
  const bool same = held->second.SerializeAsString() == freshness.SerializeAsString();
  held->second = freshness;
  return !same;
}

std::vector<v1::Freshness> WatchAssembler::TakeFresh() {
  std::vector<v1::Freshness> fresh;
  for (const DocumentKey& key : unconfirmed_) {
    stale_.erase(key);
    v1::Freshness& freshness = fresh.emplace_back();
    freshness.set_category(key.category);
    freshness.set_format(static_cast<v1::Format>(key.format));
  }
  unconfirmed_.clear();
  return fresh;
}

}  // namespace modelref

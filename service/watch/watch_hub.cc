#include "service/watch/watch_hub.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "service/watch/resume.h"
#include "service/watch/snapshot.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// Streams that keep up share the newest few cuts; the bounds only matter when many readers lag
// differently.
constexpr size_t kRecentCuts = 128;
constexpr size_t kRecentBytes = 32 << 20;

size_t BytesOf(const WatchHub::Cut& cut) {
  size_t bytes = 0;
  for (const EncodedMessage& message : cut.messages) bytes += message->size();
  return bytes;
}

EncodedMessage Encode(const v1::WatchResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

std::string KeyOf(absl::string_view kind, const Root& root, const WatchedSet& watched) {
  return absl::StrCat(kind, " ", AsBytes(root.epoch), root.revision, " ", watched.signature);
}

}  // namespace

WatchHub::WatchHub(Store& store, PositionWaiter& positions, std::string node_id,
                   uint64_t egress_bytes_per_second)
    : store_(store),
      positions_(positions),
      node_id_(std::move(node_id)),
      egress_bytes_per_second_(egress_bytes_per_second),
      changes_(store) {}

void WatchHub::Await(const Position& position, PositionWaiter::Callback done) {
  positions_.Await(position, std::move(done));
}

std::string WatchHub::TokenFor(const Position& position, const WatchedSet& watched) {
  return EncodeResumeToken({position, watched.filter_hash, watched.documents_hash});
}

WatchHub::CutPtr WatchHub::Shared(const std::string& key, const std::function<CutPtr()>& make) {
  {
    MutexLock lock(&cache_mutex_);
    const auto it = by_key_.find(key);
    if (it != by_key_.end()) {
      counters_.FoundEncoded();
      return it->second->second;
    }
  }
  CutPtr made = make();
  counters_.Encoded();
  MutexLock lock(&cache_mutex_);
  if (by_key_.count(key) > 0) return made;
  recent_.emplace_front(key, made);
  by_key_[key] = recent_.begin();
  recent_bytes_ += BytesOf(*made);
  while (recent_.size() > kRecentCuts || recent_bytes_ > kRecentBytes) DropOldestLocked();
  return made;
}

void WatchHub::DropOldestLocked() {
  recent_bytes_ -= BytesOf(*recent_.back().second);
  by_key_.erase(recent_.back().first);
  recent_.pop_back();
}

WatchHub::CutPtr WatchHub::NextCut(const Root& root, const WatchPlan& plan, uint64_t after,
                                   bool whole) {
  const size_t inline_bytes = plan.inline_delta ? plan.max_inline_bytes : 0;
  const std::string key = absl::StrCat(KeyOf("cut", root, plan.watched), " ", after, " ",
                                       inline_bytes, plan.inline_delta, whole);
  return Shared(key, [&] { return MakeCut(root, plan, after, whole); });
}

double WatchHub::SecondsPerFetchedByte() const {
  if (egress_bytes_per_second_ == 0) return 0;
  return static_cast<double>(counters_.open_sessions()) /
         static_cast<double>(egress_bytes_per_second_);
}

WatchHub::CutPtr WatchHub::MakeCut(const Root& root, const WatchPlan& plan, uint64_t after,
                                   bool whole) {
  const CutOptions options{plan.inline_delta, plan.inline_delta ? plan.max_inline_bytes : 0,
                           SecondsPerFetchedByte()};
  CutRange range{after, History(after, root.revision), 0};
  auto cut = std::make_shared<Cut>();
  cut->end = PositionOf(root);
  cut->exact = range.due.has_value();
  if (range.due.has_value()) {
    range.length = whole ? range.due->size() : CutLength(plan.watched, *range.due, options);
    if (range.length < range.due->size()) {
      const CommittedTransaction& last = *(*range.due)[range.length - 1];
      cut->end.revision = last.revision;
      cut->end.chain = PrefixOf(last.chain);
    }
  }
  EventFrame frame;
  FillHeader(cut->end, node_id_, &frame.cut_header);
  frame.part_header = frame.cut_header;
  frame.part_header.set_revision(after);
  frame.resume_token = TokenFor(cut->end, plan.watched);
  std::vector<v1::WatchEvent> events = MakeEvents(root, plan.watched, range, options);
  cut->events = events.size();
  for (const v1::WatchEvent& event : events) cut->folded += event.coalesced() > 1;
  cut->messages = EncodeEvents(std::move(events), frame);
  return cut;
}

WatchHub::CutPtr WatchHub::Snapshot(const Root& root, const WatchPlan& plan,
                                    v1::SnapshotReason reason) {
  counters_.SnapshotBegun(reason);
  const auto make = [&]() -> CutPtr {
    auto cut = std::make_shared<Cut>();
    cut->end = PositionOf(root);
    cut->messages = EncodeSnapshot(root, plan, reason, node_id_, TokenFor(cut->end, plan.watched));
    return cut;
  };
  // What clients hold differs too much to be shared.
  if (!plan.known.empty()) return make();
  return Shared(KeyOf(absl::StrCat("snapshot ", static_cast<int>(reason)), root, plan.watched),
                make);
}

EncodedMessage WatchHub::Bookmark(const Root& root, const WatchedSet& watched) {
  const CutPtr cut = Shared(KeyOf("bookmark", root, watched), [&]() -> CutPtr {
    auto made = std::make_shared<Cut>();
    made->end = PositionOf(root);
    v1::WatchResponse response;
    FillHeader(made->end, node_id_, response.mutable_header());
    response.set_resume_token(TokenFor(made->end, watched));
    response.mutable_bookmark()->set_digest(WatchedDigest(root, watched));
    made->messages = {Encode(response)};
    return made;
  });
  return cut->messages.front();
}

}  // namespace modelref

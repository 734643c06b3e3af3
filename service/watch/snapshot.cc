#include "service/watch/snapshot.h"

#include <set>
#include <utility>

#include "service/watch/position.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

EncodedMessage Encode(const v1::WatchResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

// What the client holds as it is, and the same as bits over `known`.
struct Unchanged {
  std::set<DocumentKey> keys;
  std::string bits;
};

Unchanged FindUnchanged(const Root& root, const WatchPlan& plan, v1::SnapshotReason reason) {
  Unchanged unchanged;
  unchanged.bits.assign((plan.known.size() + 7) / 8, '\0');
  // Later snapshots are for clients that have seen more since they said what they hold.
  if (reason != v1::SNAPSHOT_REASON_INITIAL) return unchanged;
  for (size_t i = 0; i < plan.known.size(); ++i) {
    const auto& [key, etag] = plan.known[i];
    const DocumentState* state = root.Find(key);
    if (state == nullptr || plan.watched.keys.count(key) == 0) continue;
    if (state->document->etag() != etag) continue;
    unchanged.keys.insert(key);
    unchanged.bits[i / 8] = static_cast<char>(unchanged.bits[i / 8] | (1 << (i % 8)));
  }
  return unchanged;
}

}  // namespace

std::vector<EncodedMessage> EncodeSnapshot(const Root& root, const WatchPlan& plan,
                                           v1::SnapshotReason reason, absl::string_view node_id,
                                           const std::string& resume_token) {
  const Unchanged unchanged = FindUnchanged(root, plan, reason);
  std::vector<v1::WatchEvent> entries;
  uint32_t documents = 0;
  for (const DocumentKey& key : plan.watched.keys) {
    const DocumentState* state = root.Find(key);
    if (state == nullptr) continue;
    ++documents;
    if (unchanged.keys.count(key) == 0) entries.push_back(SnapshotEntry(*state));
  }
  v1::WatchResponse begin;
  FillHeader(PositionOf(root), node_id, begin.mutable_header());
  v1::WatchResponse end = begin;
  begin.mutable_snapshot_begin()->set_reason(reason);
  begin.mutable_snapshot_begin()->set_document_count(documents);
  end.set_resume_token(resume_token);
  end.mutable_snapshot_end()->set_digest(WatchedDigest(root, plan.watched));
  end.mutable_snapshot_end()->set_unchanged(unchanged.bits);
  EventFrame frame;
  frame.part_header = frame.cut_header = begin.header();
  frame.all_parts = true;
  std::vector<EncodedMessage> messages = {Encode(begin)};
  for (EncodedMessage& part : EncodeEvents(std::move(entries), frame)) {
    messages.push_back(std::move(part));
  }
  messages.push_back(Encode(end));
  return messages;
}

}  // namespace modelref

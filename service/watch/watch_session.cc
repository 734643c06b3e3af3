#include "service/watch/watch_session.h"

#include <algorithm>
#include <utility>

#include "backends/base/json.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

constexpr size_t kMaxDetailBytes = 512;

EncodedMessage Encode(const v1::WatchResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

// Cut between characters: a message whose text is not UTF-8 is one that no client can parse.
std::string Shown(const std::string& detail) {
  const std::string head = detail.substr(0, kMaxDetailBytes);
  return head.substr(0, FindInvalidUtf8(head));
}

v1::StaleCause ToProto(FreshnessCause cause) { return static_cast<v1::StaleCause>(cause); }

}  // namespace

WatchSession::WatchSession(WatchHub& hub, WatchPlan plan, const Options& options, absl::Time now)
    : hub_(hub),
      plan_(std::move(plan)),
      options_(options),
      ends_at_(now + options.max_age),
      next_bookmark_(now),
      jitter_state_(reinterpret_cast<uintptr_t>(this) ^
                    static_cast<uint64_t>(absl::ToUnixNanos(now))) {}

EncodedMessage WatchSession::Send(EncodedMessage message, absl::Time now) {
  // Within 10 % of the interval, so that the streams of one moment do not stay in step.
  jitter_state_ = jitter_state_ * 6364136223846793005u + 1442695040888963407u;
  const double fraction = static_cast<double>(jitter_state_ >> 40) / static_cast<double>(1 << 24);
  next_bookmark_ = now + plan_.progress_interval * (0.9 + 0.2 * fraction);
  hub_.CountMessage();
  return message;
}

EncodedMessage WatchSession::Send(const v1::WatchResponse& response, absl::Time now) {
  return Send(Encode(response), now);
}

v1::WatchResponse WatchSession::WithHeader(const Root& root) const {
  v1::WatchResponse response;
  FillHeader(root, hub_.node_id(), response.mutable_header());
  response.mutable_header()->set_revision(cursor_);
  return response;
}

void WatchSession::QueueFreshness(const Root& root, const DocumentState& state) {
  v1::WatchResponse response = WithHeader(root);
  v1::Freshness* freshness = response.mutable_freshness();
  freshness->set_category(state.key.category);
  freshness->set_format(modelref::ToProto(state.key.format));
  freshness->set_stale(state.freshness.stale());
  if (state.freshness.stale()) {
    *freshness->mutable_since() = modelref::ToProto(state.freshness.since);
    freshness->set_cause(ToProto(state.freshness.cause));
    freshness->set_detail(Shown(state.freshness.detail));
  }
  parts_.push_back(Encode(response));
}

void WatchSession::Begin(absl::Time now) {
  begun_ = true;
  const RootPtr root = hub_.root();
  cursor_ = root->revision;
  freshness_cursor_ = root->freshness_sequence;
  v1::WatchResponse response = WithHeader(*root);
  v1::WatchCreated* created = response.mutable_created();
  FillPosition(*root, created->mutable_position());
  *created->mutable_progress_interval() = modelref::ToProto(plan_.progress_interval);
  created->set_max_inline_bytes(static_cast<uint32_t>(plan_.max_inline_bytes));
  *created->mutable_max_age() = modelref::ToProto(ends_at_ - now);
  for (const std::string& name : plan_.watched.absent) created->add_absent(name);
  parts_.push_back(Encode(response));
  if (plan_.start == WatchPlan::Start::kSnapshot) QueueSnapshot(*root);
  for (const DocumentKey& key : plan_.watched.keys) {
    if (root->Find(key)->freshness.stale()) QueueFreshness(*root, *root->Find(key));
  }
}

void WatchSession::QueueSnapshot(const Root& root) {
  std::set<DocumentKey> unchanged;
  std::string bits((plan_.known.size() + 7) / 8, '\0');
  for (size_t i = 0; i < plan_.known.size(); ++i) {
    const auto& [key, etag] = plan_.known[i];
    const DocumentState* state = root.Find(key);
    if (state == nullptr || plan_.watched.keys.count(key) == 0) continue;
    if (state->document->etag() != etag) continue;
    unchanged.insert(key);
    bits[i / 8] = static_cast<char>(bits[i / 8] | (1 << (i % 8)));
  }
  std::vector<v1::WatchEvent> entries;
  for (const DocumentKey& key : plan_.watched.keys) {
    if (unchanged.count(key) == 0) entries.push_back(SnapshotEntry(*root.Find(key)));
  }
  v1::WatchResponse begin = WithHeader(root);
  begin.mutable_snapshot_begin()->set_reason(v1::SNAPSHOT_REASON_INITIAL);
  begin.mutable_snapshot_begin()->set_document_count(
      static_cast<uint32_t>(plan_.watched.keys.size()));
  v1::WatchResponse end = WithHeader(root);
  end.mutable_snapshot_end()->set_digest(WatchedDigest(root, plan_.watched));
  end.mutable_snapshot_end()->set_unchanged(bits);
  parts_.push_back(Encode(begin));
  for (EncodedMessage& part :
       EncodeEvents(std::move(entries), begin.header(), begin.header(), /*all_parts=*/true)) {
    parts_.push_back(std::move(part));
  }
  parts_.push_back(Encode(end));
}

bool WatchSession::QueueChanges() {
  const RootPtr root = hub_.root();
  if (root->revision > cursor_) {
    for (EncodedMessage& part : hub_.Cut(*root, plan_, cursor_)) parts_.push_back(std::move(part));
    cursor_ = root->revision;
    if (!parts_.empty()) return true;
  }
  if (root->freshness_sequence == freshness_cursor_) return false;
  const DocumentState* oldest = nullptr;
  for (const DocumentKey& key : plan_.watched.keys) {
    const DocumentState* state = root->Find(key);
    if (state->freshness.sequence <= freshness_cursor_) continue;
    if (oldest == nullptr || state->freshness.sequence < oldest->freshness.sequence) oldest = state;
  }
  if (oldest == nullptr) {
    freshness_cursor_ = root->freshness_sequence;
    return false;
  }
  freshness_cursor_ = oldest->freshness.sequence;
  QueueFreshness(*root, *oldest);
  return true;
}

v1::WatchResponse WatchSession::DrainMessage(v1::DrainReason reason) const {
  v1::WatchResponse response = WithHeader(*hub_.root());
  v1::Drain* drain = response.mutable_drain();
  drain->set_reason(reason);
  *drain->mutable_reconnect_after_min() = modelref::ToProto(absl::ZeroDuration());
  *drain->mutable_reconnect_after_max() = modelref::ToProto(options_.reconnect_window);
  return response;
}

WatchSession::Step WatchSession::Next(absl::Time now, std::optional<v1::DrainReason> drain) {
  if (drained_) return Finished{};
  if (!begun_) Begin(now);
  // A cut or an opening that was begun is finished first, also before a planned end.
  if (parts_.empty()) {
    if (!drain.has_value() && now >= ends_at_) drain = v1::DRAIN_REASON_MAX_AGE;
    if (drain.has_value()) {
      drained_ = true;
      return Send(DrainMessage(*drain), now);
    }
    QueueChanges();
  }
  if (!parts_.empty()) {
    EncodedMessage next = std::move(parts_.front());
    parts_.pop_front();
    return Send(std::move(next), now);
  }
  if (now < next_bookmark_) return Idle{std::min(next_bookmark_, ends_at_)};
  const RootPtr root = hub_.root();
  // A commit since QueueChanges goes first: a bookmark must not overtake events.
  if (root->revision != cursor_) return Next(now, drain);
  return Send(hub_.BookmarkMessage(*root, plan_.watched), now);
}

}  // namespace modelref

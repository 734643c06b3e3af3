#include "service/watch/watch_session.h"

#include <algorithm>
#include <utility>

#include "backends/base/error.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

EncodedMessage Encode(const v1::WatchResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

absl::Status StateReplaced() {
  return Error(absl::StatusCode::kAborted, "STATE_REPLACED",
               "the store began another epoch; start a new stream");
}

}  // namespace

WatchSession::WatchSession(WatchHub& hub, WatchPlan plan, const Options& options, absl::Time now,
                           std::function<void()> wake)
    : hub_(hub),
      plan_(std::move(plan)),
      options_(options),
      ends_at_(now + options.max_age),
      wake_(std::move(wake)),
      next_bookmark_(now),
      jitter_state_(options.jitter_seed * 0x9E3779B97F4A7C15u +
                    static_cast<uint64_t>(absl::ToUnixNanos(now))) {
  hub_.counters().SessionOpened();
}

WatchSession::~WatchSession() { hub_.counters().SessionClosed(); }

EncodedMessage WatchSession::Send(EncodedMessage message, absl::Time now) {
  // Within 10 % of the interval, so that the streams of one moment do not stay in step.
  jitter_state_ = jitter_state_ * 6364136223846793005u + 1442695040888963407u;
  const double fraction = static_cast<double>(jitter_state_ >> 40) / static_cast<double>(1 << 24);
  next_bookmark_ = now + plan_.progress_interval * (0.9 + 0.2 * fraction);
  hub_.counters().MessageSent(message->size());
  return message;
}

WatchSession::Step WatchSession::End(absl::Status status) {
  end_ = std::move(status);
  return Finished{*end_};
}

v1::WatchResponse WatchSession::AtCursor() const {
  v1::WatchResponse response;
  FillHeader(cursor_, hub_.node_id(), response.mutable_header());
  return response;
}

// --- While the stream is open --------------------------------------------------------------------

void WatchSession::Queue(const WatchHub::Cut& cut) {
  cursor_ = cut.end;
  cursor_is_told_ = !cut.messages.empty();
  parts_.insert(parts_.end(), cut.messages.begin(), cut.messages.end());
  hub_.counters().CutTold(cut.events, cut.folded);
}

void WatchSession::QueueChanges(const Root& root) {
  if (root.revision > cursor_.revision) {
    Queue(*hub_.NextCut(root, plan_, cursor_.revision, /*whole=*/false));
  }
  if (parts_.empty()) QueueNewestFreshness(root);
}

void WatchSession::QueueNewestFreshness(const Root& root) {
  if (root.freshness_sequence == freshness_cursor_) return;
  const DocumentState* oldest = nullptr;
  for (const DocumentKey& key : plan_.watched.keys) {
    const DocumentState* state = root.Find(key);
    if (state == nullptr || state->freshness.sequence <= freshness_cursor_) continue;
    if (oldest == nullptr || state->freshness.sequence < oldest->freshness.sequence) oldest = state;
  }
  if (oldest == nullptr) {
    freshness_cursor_ = root.freshness_sequence;
    return;
  }
  freshness_cursor_ = oldest->freshness.sequence;
  QueueFreshness(*oldest);
}

bool WatchSession::BookmarkIsDue(absl::Time now) const {
  // Who hangs on a relay must not wait for a commit of another category to be told.
  return now >= next_bookmark_ || (plan_.is_relay && !cursor_is_told_);
}

EncodedMessage WatchSession::DrainMessage(v1::DrainReason reason) const {
  v1::WatchResponse response = AtCursor();
  response.set_resume_token(WatchHub::TokenFor(cursor_, plan_.watched));
  v1::Drain* drain = response.mutable_drain();
  drain->set_reason(reason);
  *drain->mutable_reconnect_after_min() = ToProto(absl::ZeroDuration());
  *drain->mutable_reconnect_after_max() = ToProto(options_.reconnect_window);
  return Encode(response);
}

WatchSession::Step WatchSession::Next(absl::Time now, std::optional<v1::DrainReason> drain) {
  if (end_.has_value()) return Finished{*end_};
  if (!begun_) {
    if (std::optional<Step> step = Open(now, drain.has_value()); step.has_value()) return *step;
  }
  // A cut or an opening that was begun is finished first, also before a planned end.
  if (parts_.empty()) {
    if (!drain.has_value() && now >= ends_at_) drain = v1::DRAIN_REASON_MAX_AGE;
    if (drain.has_value()) {
      end_ = absl::OkStatus();
      hub_.counters().DrainTold();
      return Send(DrainMessage(*drain), now);
    }
    const RootPtr root = hub_.root();
    if (root->epoch != cursor_.epoch) {
      if (plan_.fail_on_gap) return End(StateReplaced());
      QueueSnapshot(*root, v1::SNAPSHOT_REASON_EPOCH_CHANGED);
    } else {
      QueueChanges(*root);
    }
    // The cursor is at the root now: the bookmark cannot overtake a commit.
    if (parts_.empty() && BookmarkIsDue(now)) {
      cursor_is_told_ = true;
      hub_.counters().BookmarkTold();
      return Send(hub_.Bookmark(*root, plan_.watched), now);
    }
  }
  if (parts_.empty()) return Idle{std::min(next_bookmark_, ends_at_)};
  EncodedMessage next = std::move(parts_.front());
  parts_.pop_front();
  return Send(std::move(next), now);
}

}  // namespace modelref

#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <variant>

#include "absl/time/time.h"
#include "service/watch/watch_hub.h"

namespace modelref {

// One Watch stream without its transport: a cursor into the store that hands out the next message
// when there is room for one. It holds no queue of events, so a slow reader costs nothing.
// Single-threaded.
class WatchSession {
 public:
  struct Options {
    absl::Duration max_age = absl::Minutes(25);
    absl::Duration reconnect_window = absl::Seconds(5);
  };

  // Nothing to send before `until`, unless the store changes.
  struct Idle {
    absl::Time until;
  };
  // The stream is over; end it with OK.
  struct Finished {};
  using Step = std::variant<EncodedMessage, Idle, Finished>;

  // `hub` must outlive the session.
  WatchSession(WatchHub& hub, WatchPlan plan, const Options& options, absl::Time now);

  // `drain` begins the planned end: a Drain message, then Finished.
  Step Next(absl::Time now, std::optional<v1::DrainReason> drain);

 private:
  EncodedMessage Send(EncodedMessage message, absl::Time now);
  EncodedMessage Send(const v1::WatchResponse& response, absl::Time now);
  // Queues Created, the snapshot if one was asked for, and what is stale.
  void Begin(absl::Time now);
  void QueueSnapshot(const Root& root);
  void QueueFreshness(const Root& root, const DocumentState& state);
  // Queues what changed since the cursor; false when nothing did.
  bool QueueChanges();
  v1::WatchResponse DrainMessage(v1::DrainReason reason) const;
  v1::WatchResponse WithHeader(const Root& root) const;

  WatchHub& hub_;
  const WatchPlan plan_;
  const Options options_;
  const absl::Time ends_at_;

  bool begun_ = false;
  bool drained_ = false;
  uint64_t cursor_ = 0;            // The revision of the last complete cut.
  uint64_t freshness_cursor_ = 0;  // The sequence of the newest freshness that was told.
  absl::Time next_bookmark_;
  uint64_t jitter_state_;
  std::deque<EncodedMessage>
      parts_;  // The rest of what was begun: parts of one cut, or of the opening.
};

}  // namespace modelref

#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/watch/watch_hub.h"

namespace modelref {

// One Watch stream without its transport: a cursor into the store that hands out the next message
// when there is room for one. It holds no queue of events, so a slow reader costs nothing.
// Single-threaded. Times are of any clock that does not go back.
class WatchSession {
 public:
  struct Options {
    absl::Duration max_age = absl::Minutes(25);
    absl::Duration reconnect_window = absl::Seconds(5);
    uint64_t jitter_seed = 0;  // Another one for each stream, so that they do not stay in step.
  };

  // Nothing to send before `until`, unless the store changes or the session wakes its owner.
  struct Idle {
    absl::Time until;
  };
  // The stream is over; end it with this status.
  struct Finished {
    absl::Status status;
  };
  using Step = std::variant<EncodedMessage, Idle, Finished>;

  // `hub` must outlive the session. `wake` is called from any thread, also after the session is
  // gone, when something it waited for beside the store has happened; it may be null.
  WatchSession(WatchHub& hub, WatchPlan plan, const Options& options, absl::Time now,
               std::function<void()> wake = nullptr);
  ~WatchSession();
  WatchSession(const WatchSession&) = delete;
  WatchSession& operator=(const WatchSession&) = delete;

  // `drain` begins the planned end: a Drain message, then Finished.
  Step Next(absl::Time now, std::optional<v1::DrainReason> drain);

 private:
  // Where the asked position stands, as soon as that is known.
  struct Answer;

  EncodedMessage Send(EncodedMessage message, absl::Time now);
  Step End(absl::Status status);
  v1::WatchResponse AtCursor() const;

  // Begins the stream; a step when it has not begun.
  std::optional<Step> Open(absl::Time now, bool draining);
  std::optional<absl::StatusOr<Standing>> AskedPosition();
  // `caught_up` as in WatchCreated.
  void QueueCreated(const Root& root, v1::ResumeKind kind, uint64_t caught_up, absl::Time now);
  // The stream continues from the asked position; false when the root is of another history by now.
  bool Resume(absl::Time now);
  // It cannot be continued: the snapshot, or the error for those who asked for that.
  std::optional<Step> Gap(Standing standing, absl::Time now);

  void Queue(const WatchHub::Cut& cut);
  void QueueSnapshot(const Root& root, v1::SnapshotReason reason);
  void QueueAllFreshness(const Root& root);
  void QueueFreshness(const DocumentState& state);
  // What changed since the cursor.
  void QueueChanges(const Root& root);
  void QueueNewestFreshness(const Root& root);
  bool BookmarkIsDue(absl::Time now) const;
  EncodedMessage DrainMessage(v1::DrainReason reason) const;

  WatchHub& hub_;
  const WatchPlan plan_;
  const Options options_;
  const absl::Time ends_at_;
  const std::function<void()> wake_;

  std::shared_ptr<Answer> answer_;  // Of AskedPosition.
  bool begun_ = false;
  std::optional<absl::Status> end_;
  Position cursor_;                // Of the last complete cut.
  bool cursor_is_told_ = false;    // The client knows of it.
  uint64_t freshness_cursor_ = 0;  // The sequence of the newest freshness that was told.
  absl::Time next_bookmark_;
  uint64_t jitter_state_;
  // The rest of what was begun: parts of one cut, or of the opening.
  std::deque<EncodedMessage> parts_;
};

}  // namespace modelref

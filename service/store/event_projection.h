#pragma once

// A projection of the store's events to files, run behind the commits: how far it is stands in the
// database, and what lies beyond that in the files is cut and made again after a crash.

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/store/store.h"

namespace modelref {

// Single-threaded; every failure is told by failure() and tried again. Times are those of a steady
// clock.
class EventProjection {
 public:
  struct Parts {
    std::string name;  // Its row in the table projections.
    // Makes the files end at an event id, whatever a crash left in them.
    std::function<absl::Status(Database& reader, uint64_t position)> recover;
    // Appends at most `max_events` events after `position`, whole transactions, and returns the
    // last one's id, or `position` when there is none. Durable on return. After an error recover
    // runs before it is called again.
    std::function<absl::StatusOr<uint64_t>(Database& reader, uint64_t position, size_t max_events)>
        advance;
  };
  struct Options {
    // The least time between two writes of the files.
    absl::Duration interval = absl::Milliseconds(50);
    size_t max_events = 10000;
    // Between attempts that fail: doubles from the first to the second.
    absl::Duration first_retry = absl::Milliseconds(200);
    absl::Duration last_retry = absl::Seconds(30);
  };

  // `store` must be durable and outlive this.
  EventProjection(Store& store, Parts parts, const Options& options);

  // Another process may have written the files: what is known of them is read again.
  void Restart() { recovered_ = false; }
  // Brings the files up to the store's head when that is due. Returns when to come again;
  // InfiniteFuture when there is nothing to do.
  absl::Time Step(absl::Time now);
  // The same at once, due or not.
  absl::Status Settle();

  const std::string& name() const { return parts_.name; }
  // The id of the last event that is in the files for good. 0 before the first Step.
  uint64_t position() const { return position_; }
  // Why the last attempt failed; OK when it did not.
  const absl::Status& failure() const { return failure_; }
  uint64_t failures() const { return failures_; }

 private:
  // Opens the database, reads the position and recovers, where that is not done.
  absl::Status Prepare();
  absl::StatusOr<uint64_t> ReadPosition();
  absl::Status CatchUp();
  absl::Status Save(uint64_t position);
  void NoteFailure(const absl::Status& status);

  Store& store_;
  const Parts parts_;
  const Options options_;
  std::unique_ptr<Database> reader_;
  bool recovered_ = false;
  uint64_t position_ = 0;
  absl::Time last_write_ = absl::InfinitePast();
  absl::Duration retry_after_;
  absl::Time retry_at_ = absl::InfinitePast();
  absl::Status failure_;
  uint64_t failures_ = 0;
};

}  // namespace modelref

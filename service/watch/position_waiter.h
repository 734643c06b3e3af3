#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/executor.h"
#include "backends/base/mutex.h"
#include "service/store/store.h"
#include "service/watch/change_signal.h"
#include "service/watch/position.h"

namespace modelref {

// Finds out where positions stand, and waits a moment for those that are ahead of the store:
// another process, or the primary of a replica, may have committed what this process is about to
// see. Thread-safe; one thread. Callers' callbacks must not block.
class PositionWaiter {
 public:
  struct Options {
    bool is_replica = false;
    // How long a primary waits for other processes of its directory before it asks the database
    // whether there is such a position at all.
    absl::Duration follow = absl::Milliseconds(100);
    // How long a position that there is, or may be on the primary of a replica, is waited for.
    absl::Duration patience = absl::Seconds(3);
  };
  using Callback = std::function<void(absl::StatusOr<Standing>)>;

  // `store` and `executor`, where the database is asked, must outlive the waiter. Without an
  // executor it is asked on the calling thread.
  PositionWaiter(Store& store, Executor* executor, const Options& options);
  // Stops.
  ~PositionWaiter();
  PositionWaiter(const PositionWaiter&) = delete;
  PositionWaiter& operator=(const PositionWaiter&) = delete;

  // Where the position stands, as far as memory tells; nullopt when that takes a wait or the
  // database.
  std::optional<Standing> Look(const Position& position) const;
  // Calls `done` once, from this call or from any thread: kAhead and kUnknownEpoch only after
  // having waited.
  //   errors of the database; RESOURCE_EXHAUSTED (OVERLOADED), UNAVAILABLE (SHUTTING_DOWN).
  void Await(const Position& position, Callback done);

  // The same for a read that must not be older than the position: OK, or ErrorFor.
  std::optional<absl::Status> LookReached(const Position& position) const;
  void AwaitReached(const Position& position, std::function<void(absl::Status)> done);

  // Why a position cannot be continued.
  //   FAILED_PRECONDITION (EPOCH_MISMATCH, REVISION_IN_FUTURE), OUT_OF_RANGE (COMPACTED),
  //   UNAVAILABLE (REPLICA_BEHIND).
  absl::Status ErrorFor(Standing standing, const Position& position) const;

  // Answers everybody who waits, now and from now on: UNAVAILABLE (SHUTTING_DOWN). Idempotent.
  void Stop();

  bool is_replica() const { return options_.is_replica; }

 private:
  struct Waiting {
    Position position;
    absl::Time deadline;  // Of the steady clock.
    Callback done;
    bool in_database = false;  // The database has it.
  };
  // A question to the database that is still to be answered.
  class Question;

  void Wait(Waiting waiting);
  // What lies ahead of a primary is a lost history's, unless another process has committed it.
  void AskHeadThen(const Position& position, Standing standing, Callback done);
  // `ask` runs where the database may be asked; `question` is answered in any case.
  void Ask(const std::shared_ptr<Question>& question, std::function<void()> ask);
  void JudgeChainThen(const Position& position, Callback done);
  absl::Status ReachedStatus(Standing standing, const Position& position) const;
  void Run();
  // Takes those out that need not wait any more, with where they stand.
  std::vector<std::pair<Waiting, Standing>> TakeReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How long nothing happens by itself.
  absl::Duration UntilNext() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake();

  Store& store_;
  Executor* const executor_;
  const Options options_;
  ChangeSignal changes_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  size_t questions_ ABSL_GUARDED_BY(mutex_) = 0;
  const ChangeSignal::Subscription subscription_;
  std::thread thread_;
};

}  // namespace modelref

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "service/store/transaction.h"

namespace modelref {

// What a callback is told.
struct CommitNotice {
  // Null: what lies between the notice before and `revision` is not told one by one, because it was
  // too much or another history. Read the present state.
  CommittedTransactionPtr transaction;
  uint64_t revision = 0;
};

// Tells callbacks of every commit of any process exactly once, in order, on a thread of its own, so
// that nothing they do delays, fails or undoes a commit: they may block and may write. Thread-safe.
class CommitCallbacks {
 public:
  using Callback = std::function<void(const CommitNotice&)>;

  // At most this many commits wait for slow callbacks; beyond it they are told of a gap.
  explicit CommitCallbacks(size_t max_waiting = 65536) : max_waiting_(max_waiting) {}
  // Stops.
  ~CommitCallbacks();
  CommitCallbacks(const CommitCallbacks&) = delete;
  CommitCallbacks& operator=(const CommitCallbacks&) = delete;

  // Called in the order of adding. One that is added hears of later commits only.
  void Add(Callback callback);
  void Tell(const std::vector<CommittedTransactionPtr>& transactions);
  void TellGap(uint64_t revision);
  // Waits for the callback that runs; what waits behind it is not told. Idempotent.
  void Stop();

 private:
  struct Told {
    CommitNotice notice;
    size_t callbacks;  // Those that were there.
  };

  void Run();

  const size_t max_waiting_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::shared_ptr<const Callback>> callbacks_ ABSL_GUARDED_BY(mutex_);
  std::deque<Told> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  // From the first callback on.
};

}  // namespace modelref

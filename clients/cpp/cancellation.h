#pragma once

// Ending calls from another thread.

#include <functional>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "backends/base/mutex.h"

namespace modelref {

// Ends the calls that were given it (CallOptions.cancellation): they return CANCELLED soon, and
// those that start later return it at once. Thread-safe. Must outlive the calls.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // Idempotent.
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_);
  bool cancelled() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for `duration` or until cancelled; true in the latter case.
  bool WaitFor(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class CancellationListener;

  mutable Mutex mutex_;
  CondVar changed_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  int next_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int, std::function<void()>> listeners_ ABSL_GUARDED_BY(mutex_);
};

// Calls `on_cancel` once when `cancellation` is cancelled while this lives, and at once when it was
// before. The function runs under a lock: it must not wait and must not touch the cancellation.
class CancellationListener {
 public:
  // Null: nothing ever happens.
  CancellationListener(Cancellation* cancellation, std::function<void()> on_cancel);
  ~CancellationListener();
  CancellationListener(const CancellationListener&) = delete;
  CancellationListener& operator=(const CancellationListener&) = delete;

 private:
  Cancellation* const cancellation_;
  int id_ = 0;
};

}  // namespace modelref

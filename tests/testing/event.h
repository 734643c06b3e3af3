#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "backends/base/mutex.h"

namespace modelref::testing {

// Long enough for a machine under load and a sanitizer; only a failing test waits for it.
inline constexpr absl::Duration kDeadline = absl::Seconds(30);

// Something that happens once. Thread-safe.
class Event {
 public:
  void Set() {
    MutexLock lock(&mutex_);
    is_set_ = true;
    changed_.SignalAll();
  }
  bool IsSet() const {
    MutexLock lock(&mutex_);
    return is_set_;
  }
  // False when the deadline passed first.
  [[nodiscard]] bool Wait() {
    MutexLock lock(&mutex_);
    while (!is_set_) {
      if (!changed_.WaitFor(&mutex_, kDeadline)) return is_set_;
    }
    return true;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool is_set_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modelref::testing

#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"

namespace modelref::testing {

// A clock that stands still until the test moves it. Thread-safe.
class FakeClock final : public Clock {
 public:
  FakeClock() : now_(absl::FromUnixSeconds(1'700'000'000)) {}

  absl::Time TimeNow() override {
    MutexLock lock(&mutex_);
    return now_;
  }
  // A negative duration sets the clock back.
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    now_ += by;
  }

 private:
  Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref::testing

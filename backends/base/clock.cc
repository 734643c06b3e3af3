#include "backends/base/clock.h"

#include <time.h>

#include "absl/time/clock.h"

#include "backends/base/mutex.h"

namespace modelref {
namespace {

class SystemClock final : public Clock {
 public:
  absl::Time TimeNow() override { return absl::Now(); }
};

class BootTimeClock final : public Clock {
 public:
  absl::Time TimeNow() override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return absl::TimeFromTimespec(now);
  }
};

}  // namespace

Clock& MonotonicClock() {
  static BootTimeClock* const clock = new BootTimeClock;
  return *clock;
}

Clock& RealClock() {
  static SystemClock* const clock = new SystemClock;
  return *clock;
}

void Pause(absl::Duration duration) {
  Mutex mutex;
  CondVar never;
  const absl::Time end = MonotonicClock().TimeNow() + duration;
  MutexLock lock(&mutex);
  for (absl::Duration left = duration; left > absl::ZeroDuration();
       left = end - MonotonicClock().TimeNow()) {
    never.WaitFor(&mutex, left);
  }
}

}  // namespace modelref

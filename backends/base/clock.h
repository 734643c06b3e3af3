#pragma once

#include "absl/time/time.h"

namespace modelref {

// The time, injected so that tests decide it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time TimeNow() = 0;
};

// The system's wall clock; lives for ever.
Clock& RealClock();

// Counts from an arbitrary moment and is never set: for deadlines and ages, which a changed wall
// clock must not move. Goes on while the machine sleeps. Lives for ever.
Clock& MonotonicClock();

// Does nothing for a while: for a thread that waits for another program, which nothing can wake.
void Pause(absl::Duration duration);

}  // namespace modelref

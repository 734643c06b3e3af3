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

}  // namespace modelref

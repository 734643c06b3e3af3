#pragma once

#include "absl/time/time.h"
#include "backends/base/mutex.h"

namespace modelref::testing {

// Lets time pass for what tells nobody when it is done.
inline void Pause(absl::Duration duration) {
  Mutex mutex;
  CondVar never;
  MutexLock lock(&mutex);
  never.WaitFor(&mutex, duration);
}

}  // namespace modelref::testing

#pragma once

#include <sys/types.h>

#include "absl/time/time.h"

namespace modelref {

// Whether the process that has this number now may be the one that had it at `time`. False when
// there is none, when it ended and only was not waited for, and when it started more than a second
// later. True when the system does not tell. Thread-safe.
bool MayHaveRunAt(pid_t pid, absl::Time time);

}  // namespace modelref

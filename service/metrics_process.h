#pragma once

#include <cstdint>

namespace modelref {

// What the system says about this process. A number it does not tell is 0.
struct ProcessNumbers {
  uint64_t resident_bytes = 0;
  double cpu_seconds = 0;  // User and system time of all threads.
  uint64_t open_fds = 0;
  uint64_t max_fds = 0;
  uint64_t threads = 0;
};

// Reads /proc; takes well under a millisecond for a few hundred descriptors. Thread-safe.
ProcessNumbers ReadProcessNumbers();

// The first of them alone, in some microseconds.
uint64_t ReadResidentBytes();

}  // namespace modelref

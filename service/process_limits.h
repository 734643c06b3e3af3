#pragma once

#include <cstdint>

namespace modelref {

// Lets the process have `wanted` file descriptors, or as many as it may. Returns how many it now
// may have.
uint64_t RaiseFileLimit(uint64_t wanted);

// What of `open_files` is for connections: the rest is for the store, files, threads and admins.
uint64_t ConnectionsFor(uint64_t open_files);

// The memory of the control group of the process, or of the machine where it has no limit, in
// bytes; 0 when nobody says.
uint64_t MemoryAvailable();

}  // namespace modelref

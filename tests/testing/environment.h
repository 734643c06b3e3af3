#pragma once

#include <cstdint>

namespace modelref::testing {

// The number that the variable of the environment holds, or `otherwise` when it is not set or no
// number: the length of a test, or a seed to repeat.
uint64_t NumberFromEnvironment(const char* variable, uint64_t otherwise);

}  // namespace modelref::testing

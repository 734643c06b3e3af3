#pragma once

#include <cstddef>
#include <string>

namespace modelref {

// From the system's generator for secrets. Ends the process when it has none to give. Thread-safe.
std::string RandomBytes(size_t count);

// A new token: kTokenPrefix and 43 characters of A-Z a-z 0-9 - _, 256 random bits.
std::string MakeToken();

}  // namespace modelref

#pragma once

#include <string>

namespace modelref {

// A random UUID (version 4), for WriteOptions.request_id. Thread-safe.
std::string NewRequestId();

}  // namespace modelref

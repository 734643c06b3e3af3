#include "clients/cpp/request_id.h"

#include <random>

#include "absl/strings/str_format.h"

namespace modelref {

std::string NewRequestId() {
  std::random_device random;
  const uint32_t time_high = (random() & 0x0FFF) | 0x4000;  // Version 4.
  const uint32_t clock = (random() & 0x3FFF) | 0x8000;      // The variant of RFC 9562.
  return absl::StrFormat("%08x-%04x-%04x-%04x-%04x%08x", random(), random() & 0xFFFF, time_high,
                         clock, random() & 0xFFFF, random());
}

}  // namespace modelref

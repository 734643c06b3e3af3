#include "tests/testing/environment.h"

#include <cstdlib>

#include "absl/strings/numbers.h"

namespace modelref::testing {

uint64_t NumberFromEnvironment(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  uint64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

}  // namespace modelref::testing

#include "tests/testing/paths.h"

namespace modelref::testing {

const std::string& SourceDir() {
  static const auto* const dir = new std::string(MODELREF_SOURCE_DIR);
  return *dir;
}

const std::string& BinaryDir() {
  static const auto* const dir = new std::string(MODELREF_BINARY_DIR);
  return *dir;
}

}  // namespace modelref::testing

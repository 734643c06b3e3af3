#include "tests/testing/shared_data.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tests/testing/paths.h"

namespace modelref::testing {

std::string SharedDir() {
  const char* configured = std::getenv("MODELREF_SHARED");
  if (configured != nullptr && *configured != '\0') return configured;
  return testing::SourceDir() + "/../shared";
}

bool HasSharedData() { return access(absl::StrCat(SharedDir(), "/golden").c_str(), R_OK) == 0; }

std::string ReadShared(absl::string_view name) {
  const std::string path = absl::StrCat(SharedDir(), "/", name);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  EXPECT_TRUE(file.good()) << "cannot read " << path;
  return bytes.str();
}

}  // namespace modelref::testing

#pragma once

// Real catalogues and the original's output for them, read in place and never copied.

#include <string>

#include "absl/strings/string_view.h"

namespace modelref::testing {

// The directory of environment variable MODELREF_SHARED, or "shared" beside the source tree.
std::string SharedDir();

bool HasSharedData();

// The file's bytes; a file that cannot be read fails the test.
std::string ReadShared(absl::string_view name);

}  // namespace modelref::testing

// First line of a test that needs the data.
#define SKIP_WITHOUT_SHARED_DATA()                                                 \
  if (!::modelref::testing::HasSharedData()) {                                     \
    GTEST_SKIP() << "no catalogues in " << ::modelref::testing::SharedDir()        \
                 << "; set MODELREF_SHARED to a directory with data/ and golden/"; \
  }                                                                                \
  static_assert(true, "")

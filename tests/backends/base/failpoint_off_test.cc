// What a build without failpoints sees: this file is compiled as one.

#ifndef MODELREF_NO_FAILPOINTS
#define MODELREF_NO_FAILPOINTS
#endif

#include <gtest/gtest.h>

#include "backends/base/failpoint.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;

TEST(FailpointOffTest, APointThatIsCompiledOutIsNeverHit) {
  ScopedFailpoint point("test.compiled_out", absl::StatusCode::kInternal);
  FAILPOINT("test.compiled_out");
  EXPECT_THAT(FAILPOINT_STATUS("test.compiled_out"), IsOk());
  EXPECT_EQ(point.hits(), 0);
}

}  // namespace
}  // namespace modelref

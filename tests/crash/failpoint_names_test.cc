#include "tests/crash/failpoint_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelref::testing {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(FailpointNamesTest, ThePointsOfAllPartsAreFound) {
  const std::vector<std::string> names = FailpointNames();
  for (const char* name : {"audit.after_append", "file.after_exchange", "held.after_bytes",
                           "projector.after_file", "store.before_commit"}) {
    EXPECT_THAT(names, Contains(name));
  }
  EXPECT_THAT(names, Not(Contains("test.here"))) << "those of tests do not count";
}

TEST(FailpointNamesTest, APointMustBeMetUnlessAReasonIsGiven) {
  EXPECT_THAT(WhyNotKilled("store.before_commit"), IsEmpty());
  EXPECT_THAT(WhyNotKilled("adoption.before_commit"), Not(IsEmpty()));
}

}  // namespace
}  // namespace modelref::testing

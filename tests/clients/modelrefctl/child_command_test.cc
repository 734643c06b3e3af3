#include "clients/modelrefctl/child_command.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::HasSubstr;

TEST(ChildCommandTest, GetsTheEventOnStdinAndInItsEnvironment) {
  TempDir dir;
  const std::string command =
      absl::StrCat("{ cat; echo \"$MODELREF_CATEGORY\"; } > ", dir.PathOf("out"));
  ASSERT_THAT(RunChild(command, "{\"x\":1}\n", {{"MODELREF_CATEGORY", "a'b $(c)"}}), IsOk());
  EXPECT_EQ(dir.Read("out"), "{\"x\":1}\na'b $(c)\n");
}

TEST(ChildCommandTest, NeedNotReadALargeInput) {
  EXPECT_THAT(RunChild("exit 0", std::string(4 << 20, 'x'), {}), IsOk());
}

TEST(ChildCommandTest, FailureIsReportedWithItsStatus) {
  EXPECT_THAT(RunChild("exit 3", "", {}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("exited with 3")));
  EXPECT_THAT(RunChild("kill -9 $$", "", {}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("signal 9")));
}

TEST(ChildCommandTest, AProgramOnTheTerminalGetsItsArgumentAsOneWord) {
  TempDir dir;
  const std::string path = dir.PathOf("a 'file' $(x)");
  ASSERT_THAT(RunOnTerminal("printf %s >", path, false), IsOk());
  EXPECT_TRUE(dir.Exists("a 'file' $(x)"));
  EXPECT_THAT(RunOnTerminal("test 1 = 2 -o -f", dir.PathOf("missing"), false),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("exited with 1")));
}

TEST(ChildCommandTest, AProgramOnTheTerminalDoesNotGetOurToken) {
  TempDir dir;
  ASSERT_EQ(setenv("MODELREF_TOKEN", "mrt_secret", 1), 0);
  ASSERT_EQ(setenv("MODELREF_TOKEN_FILE", "/a/file", 1), 0);
  const absl::Status status = RunOnTerminal("env >", dir.PathOf("out"), false);
  unsetenv("MODELREF_TOKEN");
  unsetenv("MODELREF_TOKEN_FILE");
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(dir.Read("out").find("mrt_secret"), std::string::npos);
  EXPECT_NE(dir.Read("out").find("MODELREF_TOKEN_FILE=/a/file"), std::string::npos);
}

}  // namespace
}  // namespace modelref::ctl

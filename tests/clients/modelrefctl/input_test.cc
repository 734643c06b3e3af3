#include "clients/modelrefctl/input.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "clients/modelrefctl/exit_codes.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

class InputTest : public ::testing::Test {
 protected:
  InputTest() {
    host_.interrupts = &interrupts_;
    EXPECT_EQ(pipe2(pipe_, O_CLOEXEC), 0);
    host_.in = pipe_[0];
  }
  ~InputTest() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }

  TempDir dir_;
  Interrupts interrupts_;
  Host host_;
  int pipe_[2] = {-1, -1};
};

TEST_F(InputTest, AFileIsReadWholeAndAgain) {
  dir_.Write("file", "content");
  absl::StatusOr<Input> input = Input::Open(dir_.PathOf("file"), host_);
  ASSERT_THAT(input, IsOk());
  EXPECT_EQ(input->size(), 7u);
  EXPECT_THAT(input->ReadAll(7), IsOkAndHolds("content"));
  ASSERT_THAT(input->Rewind(), IsOk());
  EXPECT_THAT(input->ReadAll(6), HasReason("INPUT_TOO_LARGE"));
  EXPECT_THAT(Input::Open(dir_.PathOf("missing"), host_), StatusIs(absl::StatusCode::kNotFound));
  absl::StatusOr<Input> folder = Input::Open(dir_.path(), host_);
  EXPECT_FALSE(folder.ok() && folder->ReadAll(10).ok());
}

TEST_F(InputTest, APipeIsReadOnce) {
  ASSERT_EQ(write(pipe_[1], "abc", 3), 3);
  absl::StatusOr<Input> input = Input::Open("-", host_);
  ASSERT_THAT(input, IsOk());
  EXPECT_EQ(input->name(), "stdin");
  char buffer[10];
  EXPECT_THAT(input->Read(buffer, sizeof buffer), IsOkAndHolds(3u));
  EXPECT_THAT(input->Rewind(), StatusIs(absl::StatusCode::kFailedPrecondition));
  host_.in = -1;
  EXPECT_TRUE(IsUsageError(Input::Open("-", host_).status()));
}

TEST_F(InputTest, AWaitForInputEndsWhenTheUserGivesUp) {
  absl::StatusOr<Input> input = Input::Open("-", host_);
  ASSERT_THAT(input, IsOk());
  interrupts_.Trigger();
  char c = 0;
  EXPECT_TRUE(IsInterrupted(input->Read(&c, 1).status()));
}

}  // namespace
}  // namespace modelref::ctl

#include "clients/modelrefctl/sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

TEST(FdSinkTest, HoldsSmallWritesBackUntilFlushed) {
  TempDir dir;
  const int fd = open(dir.PathOf("out").c_str(), O_WRONLY | O_CREAT, 0600);
  FdSink sink(fd, 8);
  EXPECT_THAT(sink.Write("abc"), IsOk());
  EXPECT_EQ(dir.Read("out"), "");
  EXPECT_THAT(sink.Write("defghijkl"), IsOk());
  EXPECT_EQ(dir.Read("out"), "abcdefghijkl");
  EXPECT_THAT(sink.Write("m"), IsOk());
  EXPECT_THAT(sink.Flush(), IsOk());
  EXPECT_EQ(dir.Read("out"), "abcdefghijklm");
  close(fd);
}

TEST(FdSinkTest, ReaderThatLeftIsToldApartFromOtherErrors) {
  const auto old_handler = signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends;
  ASSERT_EQ(pipe(ends.data()), 0);
  close(ends[0]);
  FdSink broken(ends[1], 0);
  EXPECT_THAT(broken.Write("x"), HasReason(kClosedPipe));
  close(ends[1]);
  FdSink bad(-1, 0);
  EXPECT_THAT(bad.Write("x"), StatusIs(absl::StatusCode::kInternal));
  signal(SIGPIPE, old_handler);
}

}  // namespace
}  // namespace modelref::ctl

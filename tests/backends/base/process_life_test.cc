#include "backends/base/process_life.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "backends/base/clock.h"

namespace modelref {
namespace {

// A number that no process has: one above the largest that the kernel gives.
constexpr pid_t kNoPid = (1 << 22) + 1;

TEST(MayHaveRunAtTest, AProcessThatStartedLaterDidNot) {
  const absl::Time now = RealClock().TimeNow();
  EXPECT_TRUE(MayHaveRunAt(getppid(), now));
  EXPECT_TRUE(MayHaveRunAt(getpid(), now));
  EXPECT_FALSE(MayHaveRunAt(getpid(), now - absl::Hours(24 * 365)));
  EXPECT_FALSE(MayHaveRunAt(kNoPid, now));
}

TEST(MayHaveRunAtTest, AProcessThatNobodyWaitedForHasEnded) {
  int hold[2];
  ASSERT_EQ(pipe(hold), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    char byte;
    close(hold[1]);
    _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(hold[0]);
  EXPECT_TRUE(MayHaveRunAt(child, RealClock().TimeNow()));
  close(hold[1]);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(MayHaveRunAt(child, RealClock().TimeNow()));
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace modelref

#include "backends/base/clock.h"

#include <gtest/gtest.h>

namespace modelref {
namespace {

TEST(ClockTest, MonotonicClockNeverGoesBackAndGoesOn) {
  const absl::Time begin = MonotonicClock().TimeNow();
  absl::Time last = begin;
  // Until it has moved: the loop ends because it does.
  while (last == begin) {
    const absl::Time now = MonotonicClock().TimeNow();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_LT(last - begin, absl::Minutes(1));
}

TEST(ClockTest, RealClockTellsTheTimeOfDay) {
  EXPECT_GT(RealClock().TimeNow(), absl::FromUnixSeconds(1'700'000'000));
}

}  // namespace
}  // namespace modelref

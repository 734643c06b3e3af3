#include "clients/cpp/watch_backoff.h"

#include <gtest/gtest.h>

#include <vector>

#include "backends/base/error.h"

namespace modelref {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

// Always draws the upper end.
WatchBackoff Longest() {
  return WatchBackoff([] { return 1.0; });
}

// Always draws the lower end.
WatchBackoff Shortest() {
  return WatchBackoff([] { return 0.0; });
}

WatchEnd Broken(absl::Duration healthy_for = absl::ZeroDuration()) {
  WatchEnd end;
  end.status = absl::UnavailableError("gone");
  end.healthy_for = healthy_for;
  return end;
}

WatchEnd Drained() {
  WatchEnd end;
  end.reconnect_min = absl::Seconds(2);
  end.reconnect_max = absl::Seconds(12);
  return end;
}

WatchEnd AskedToWait(absl::Duration wish) {
  ErrorExtras extras;
  extras.retry_after = wish;
  WatchEnd end;
  end.status = Error(absl::StatusCode::kResourceExhausted, "STREAM_LIMIT", "full", extras);
  return end;
}

TEST(WatchBackoffTest, FirstWithinASecondThenDoublingUpToHalfAMinute) {
  WatchBackoff backoff = Longest();
  for (const int seconds : {1, 2, 4, 8, 16, 30, 30}) {
    EXPECT_EQ(backoff.NextDelay(Broken(), kNow), absl::Seconds(seconds));
  }
  EXPECT_EQ(backoff.attempts(), 7u);
}

TEST(WatchBackoffTest, HealthyMinuteStartsOver) {
  WatchBackoff backoff = Longest();
  backoff.NextDelay(Broken(), kNow);
  backoff.NextDelay(Broken(), kNow);
  EXPECT_EQ(backoff.NextDelay(Broken(absl::Seconds(59)), kNow), absl::Seconds(4));
  EXPECT_EQ(backoff.NextDelay(Broken(absl::Seconds(60)), kNow), absl::Seconds(1));
}

TEST(WatchBackoffTest, DrainNamesTheWindow) {
  EXPECT_EQ(Shortest().NextDelay(Drained(), kNow), absl::Seconds(2));
  EXPECT_EQ(Longest().NextDelay(Drained(), kNow), absl::Seconds(12));
}

TEST(WatchBackoffTest, StreamsThatAreDrainedAtOnceAreSlowedDown) {
  WatchBackoff backoff = Longest();
  WatchEnd end;
  end.reconnect_max = absl::Milliseconds(100);
  EXPECT_EQ(backoff.NextDelay(end, kNow), absl::Milliseconds(100));
  for (int i = 0; i < 10; ++i) backoff.NextDelay(end, kNow);
  EXPECT_EQ(backoff.NextDelay(end, kNow), absl::Seconds(30));
}

TEST(WatchBackoffTest, WishOfTheServerIsTheLeast) {
  EXPECT_EQ(Shortest().NextDelay(AskedToWait(absl::Seconds(9)), kNow), absl::Seconds(9));
  EXPECT_EQ(Longest().NextDelay(AskedToWait(absl::Seconds(9)), kNow), absl::Seconds(10));
}

TEST(WatchBackoffTest, WishesBeyondReasonAreCutToTenMinutes) {
  EXPECT_EQ(Shortest().NextDelay(AskedToWait(absl::Hours(1000)), kNow), absl::Minutes(10));
  WatchEnd end;
  end.reconnect_min = absl::Hours(999);
  end.reconnect_max = absl::Hours(1000);
  EXPECT_EQ(Longest().NextDelay(end, kNow), absl::Minutes(10));
}

TEST(WatchBackoffTest, NeverMoreThanThreeStreamsInOneSecondHoweverTheDiceFall) {
  WatchBackoff backoff = Shortest();
  std::vector<absl::Time> opened;
  absl::Time now = kNow;
  for (int i = 0; i < 20; ++i) {
    opened.push_back(now);
    backoff.RecordOpen(now);
    now += backoff.NextDelay(WatchEnd(), now) + absl::Milliseconds(1);
  }
  for (size_t i = 3; i < opened.size(); ++i) {
    EXPECT_GE(opened[i] - opened[i - 3], absl::Seconds(1)) << i;
  }
}

}  // namespace
}  // namespace modelref

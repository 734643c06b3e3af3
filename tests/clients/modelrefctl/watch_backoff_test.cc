#include "clients/modelrefctl/watch_backoff.h"

#include <gtest/gtest.h>

#include "backends/base/error.h"

namespace modelref::ctl {
namespace {

// Always draws the upper end.
WatchBackoff Longest() {
  return WatchBackoff([] { return 1.0; });
}

StreamEnd Broken(absl::Duration healthy_for = absl::ZeroDuration()) {
  StreamEnd end;
  end.status = absl::UnavailableError("gone");
  end.healthy_for = healthy_for;
  return end;
}

StreamEnd Drained() {
  StreamEnd end;
  end.reconnect_min = absl::Seconds(2);
  end.reconnect_max = absl::Seconds(12);
  return end;
}

TEST(WatchBackoffTest, FirstWithinASecondThenDoublingUpToHalfAMinute) {
  WatchBackoff backoff = Longest();
  for (const int seconds : {1, 2, 4, 8, 16, 30, 30}) {
    EXPECT_EQ(backoff.NextDelay(Broken()), absl::Seconds(seconds));
  }
  EXPECT_EQ(backoff.attempts(), 7u);
}

TEST(WatchBackoffTest, HealthyMinuteStartsOver) {
  WatchBackoff backoff = Longest();
  backoff.NextDelay(Broken());
  backoff.NextDelay(Broken());
  EXPECT_EQ(backoff.NextDelay(Broken(absl::Seconds(59))), absl::Seconds(4));
  EXPECT_EQ(backoff.NextDelay(Broken(absl::Seconds(60))), absl::Seconds(1));
}

TEST(WatchBackoffTest, DrainNamesTheWindow) {
  WatchBackoff earliest([] { return 0.0; });
  EXPECT_EQ(earliest.NextDelay(Drained()), absl::Seconds(2));
  EXPECT_EQ(Longest().NextDelay(Drained()), absl::Seconds(12));
}

TEST(WatchBackoffTest, StreamsThatAreDrainedAtOnceAreSlowedDown) {
  WatchBackoff backoff = Longest();
  StreamEnd end;
  end.reconnect_max = absl::Milliseconds(100);
  EXPECT_EQ(backoff.NextDelay(end), absl::Milliseconds(100));
  for (int i = 0; i < 10; ++i) backoff.NextDelay(end);
  EXPECT_EQ(backoff.NextDelay(end), absl::Seconds(30));
}

TEST(WatchBackoffTest, WishOfTheServerIsTheLeast) {
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(9);
  StreamEnd end;
  end.status = Error(absl::StatusCode::kResourceExhausted, "STREAM_LIMIT", "full", extras);
  EXPECT_EQ(WatchBackoff([] { return 0.0; }).NextDelay(end), absl::Seconds(9));
  EXPECT_TRUE(MayReconnect(end.status));
}

TEST(WatchBackoffTest, RefusalsAreFinal) {
  EXPECT_TRUE(MayReconnect(absl::OkStatus()));
  EXPECT_TRUE(MayReconnect(absl::UnavailableError("")));
  EXPECT_TRUE(MayReconnect(absl::CancelledError("")));
  EXPECT_FALSE(MayReconnect(absl::InvalidArgumentError("")));
  EXPECT_FALSE(MayReconnect(absl::UnimplementedError("")));
  EXPECT_FALSE(MayReconnect(absl::PermissionDeniedError("")));
  EXPECT_FALSE(MayReconnect(absl::ResourceExhaustedError("")));
}

}  // namespace
}  // namespace modelref::ctl

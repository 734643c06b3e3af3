#include "clients/cpp/retry.h"

#include <gtest/gtest.h>

#include <vector>

#include "backends/base/error.h"
#include "tests/testing/fake_clock.h"

namespace modelref {
namespace {

using ::modelref::testing::FakeClock;

class RetrierTest : public ::testing::Test {
 protected:
  RetryOptions Options() {
    RetryOptions options;
    options.wait = [this](absl::Duration delay) { waits_.push_back(delay); };
    return options;
  }
  absl::Time Later() { return clock_.TimeNow() + absl::Hours(1); }

  FakeClock clock_;
  std::vector<absl::Duration> waits_;
  const absl::Status unavailable_ = absl::UnavailableError("down");
};

TEST(BackoffCeilingTest, DoublesUpToTheMaximum) {
  RetryOptions options;
  EXPECT_EQ(BackoffCeiling(options, 0), absl::Milliseconds(100));
  EXPECT_EQ(BackoffCeiling(options, 1), absl::Milliseconds(200));
  EXPECT_EQ(BackoffCeiling(options, 3), absl::Milliseconds(800));
  EXPECT_EQ(BackoffCeiling(options, 1000), absl::Seconds(5));
}

TEST_F(RetrierTest, WaitsBelowTheCeilingAndDiffersFromTimeToTime) {
  RetryOptions options = Options();
  options.budget_tokens = 1000;
  Retrier retrier(options, clock_);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(retrier.WaitToRetry(unavailable_, 1, Later()));
  for (const absl::Duration wait : waits_) {
    EXPECT_GE(wait, absl::ZeroDuration());
    EXPECT_LE(wait, BackoffCeiling(options, 1));
  }
  EXPECT_NE(waits_.front(), waits_.back());
}

TEST_F(RetrierTest, StopsAfterTheLastAttempt) {
  Retrier retrier(Options(), clock_);
  EXPECT_TRUE(retrier.WaitToRetry(unavailable_, 2, Later()));
  EXPECT_FALSE(retrier.WaitToRetry(unavailable_, 3, Later()));
  EXPECT_EQ(waits_.size(), 1u);
}

TEST_F(RetrierTest, WishOfTheServerIsTheLeastThatIsWaited) {
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(7);
  const absl::Status busy = Error(absl::StatusCode::kUnavailable, "STORE_BUSY", "busy", extras);
  Retrier retrier(Options(), clock_);
  ASSERT_TRUE(retrier.WaitToRetry(busy, 0, Later()));
  EXPECT_GE(waits_[0], absl::Seconds(7));
  EXPECT_LE(waits_[0], absl::Seconds(7) + absl::Milliseconds(100));
}

TEST_F(RetrierTest, DoesNotWaitBeyondTheDeadline) {
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(7);
  const absl::Status busy = Error(absl::StatusCode::kUnavailable, "STORE_BUSY", "busy", extras);
  Retrier retrier(Options(), clock_);
  EXPECT_FALSE(retrier.WaitToRetry(busy, 0, clock_.TimeNow() + absl::Seconds(5)));
  EXPECT_TRUE(waits_.empty());
}

TEST_F(RetrierTest, BudgetEndsRetriesUntilCallsSucceedAgain) {
  RetryOptions options = Options();
  options.budget_tokens = 10;
  options.budget_refill = 1;
  Retrier retrier(options, clock_);
  int allowed = 0;
  for (int i = 0; i < 20; ++i) allowed += retrier.WaitToRetry(unavailable_, 0, Later()) ? 1 : 0;
  EXPECT_EQ(allowed, 4);
  for (int i = 0; i < 10; ++i) retrier.RecordSuccess();
  EXPECT_TRUE(retrier.WaitToRetry(unavailable_, 0, Later()));
}

TEST_F(RetrierTest, IsAskedWhetherRetriesMakeSense) {
  Retrier retrier(Options(), clock_, [] { return false; });
  EXPECT_FALSE(retrier.WaitToRetry(unavailable_, 0, Later()));
}

}  // namespace
}  // namespace modelref

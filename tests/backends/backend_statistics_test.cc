#include "backends/backend_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelref {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(StatisticsCounterTest, StartsAtZeroUnderItsName) {
  const BackendStatistics zero = StatisticsCounter("somewhere").Read();
  EXPECT_EQ(zero.name, "somewhere");
  EXPECT_EQ(zero.fetches, 0u);
  EXPECT_THAT(zero.latency_counts, Each(0u));
}

TEST(StatisticsCounterTest, LatenciesFallIntoTheirBucketsBoundsIncluded) {
  StatisticsCounter counter("x");
  counter.CountFetch(absl::OkStatus(), absl::Microseconds(100), 1);
  counter.CountFetch(absl::OkStatus(), absl::Microseconds(101), 1);
  counter.CountFetch(absl::OkStatus(), absl::Seconds(5), 1);
  counter.CountFetch(absl::OkStatus(), absl::Seconds(6), 1);
  EXPECT_THAT(counter.Read().latency_counts, ElementsAre(1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1));
  EXPECT_EQ(counter.Read().latency_sum, absl::Seconds(11) + absl::Microseconds(201));
}

TEST(StatisticsCounterTest, AClockThatRunsBackwardsCountsAsNoTime) {
  StatisticsCounter counter("x");
  counter.CountFetch(absl::OkStatus(), -absl::Seconds(3), 0);
  EXPECT_EQ(counter.Read().latency_counts.front(), 1u);
  EXPECT_EQ(counter.Read().latency_sum, absl::ZeroDuration());
}

TEST(StatisticsCounterTest, CountsEachKindApart) {
  StatisticsCounter counter("x");
  counter.CountHit();
  counter.CountMiss();
  counter.CountMiss();
  counter.CountRefresh();
  counter.CountFallback();
  counter.CountFetch(absl::UnavailableError("down"), absl::ZeroDuration(), 7);
  const BackendStatistics read = counter.Read(5);
  EXPECT_EQ(read.hits, 1u);
  EXPECT_EQ(read.misses, 2u);
  EXPECT_EQ(read.refreshes, 1u);
  EXPECT_EQ(read.fallbacks, 1u);
  EXPECT_EQ(read.fetches, 1u);
  EXPECT_EQ(read.errors, 1u);
  EXPECT_EQ(read.bytes, 7u);
  EXPECT_EQ(read.cache_size, 5u);
}

}  // namespace
}  // namespace modelref

// Random histories with readers that come back from every message, judged by every validator.
// MODELREF_TEST_SEED repeats a run; MODELREF_TEST_OPERATIONS sets its length.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "backends/base/clock.h"
#include "tests/service/watch/random_history.h"
#include "tests/testing/environment.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::RandomHistory;
using ::modelref::testing::TempDir;
using ::testing::IsEmpty;

// One world holds all of its history, so long runs are made of several.
constexpr int kOperationsPerWorld = 5'000;
// How often a long run says how far it is.
constexpr int kOperationsPerReport = 100'000;

class WatchRandomTest : public ::testing::Test {
 protected:
  // Runs worlds until `operations` are done; worlds on disk are opened again and again.
  void RunWorlds(int operations, bool on_disk) {
    for (int done = 0; done < operations && !HasFailure(); done += kOperationsPerWorld) {
      TempDir directory;
      RandomHistory::Options options;
      options.seed = seed_++;
      options.operations = std::min(kOperationsPerWorld, operations - done);
      if (on_disk) options.directory = directory.PathOf("store");
      RandomHistory history(options);
      EXPECT_THAT(history.Run(), IsEmpty()) << "MODELREF_TEST_SEED=" << options.seed;
      coverage_.Add(history.coverage());
      const int in_all = done + options.operations;
      if (in_all % kOperationsPerReport == 0 || in_all == operations) Report(in_all);
    }
  }
  void Report(int operations) const {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf(
        "%d operations, %zu restarts, %zu transactions, %zu streams (%zu drained), %zu continued "
        "exactly, %zu coalesced; %.0f s, %ld MiB at most\n",
        operations, coverage_.reopened, coverage_.transactions, coverage_.streams,
        coverage_.drained, coverage_.exact, coverage_.coalesced,
        absl::ToDoubleSeconds(MonotonicClock().TimeNow() - started_), usage.ru_maxrss / 1024);
    std::fflush(stdout);
  }
  void ExpectCoverage() const {
    if (operations_ < kOperationsPerWorld) return;  // Somebody wants a short look at a seed.
    EXPECT_GT(coverage_.streams, 50u);
    EXPECT_GT(coverage_.unlisted, 5u);
    EXPECT_GT(coverage_.deltas, 100u);
    EXPECT_GT(coverage_.reads, 100u);
    EXPECT_GT(coverage_.folded, 20u);
    EXPECT_GT(coverage_.replayed, 20u);
    EXPECT_GT(coverage_.without_history, 20u);
    EXPECT_GT(coverage_.bookmarks, 20u);
    EXPECT_GT(coverage_.freshness, 20u);
    EXPECT_GT(coverage_.drained, 20u);
    EXPECT_GT(coverage_.unchanged, 2u);
    EXPECT_GT(coverage_.exact, 20u);
    EXPECT_GT(coverage_.coalesced, 20u);
  }

  const uint64_t first_seed_ = NumberFromEnvironment("MODELREF_TEST_SEED", std::random_device()());
  const int operations_ =
      static_cast<int>(NumberFromEnvironment("MODELREF_TEST_OPERATIONS", 10'000));
  // A restart takes its time.
  const int operations_on_disk_ =
      static_cast<int>(NumberFromEnvironment("MODELREF_TEST_OPERATIONS", 2'500));
  const absl::Time started_ = MonotonicClock().TimeNow();
  uint64_t seed_ = first_seed_;
  RandomHistory::Coverage coverage_;
};

TEST_F(WatchRandomTest, WhateverHappensEveryStreamAndEveryContinuationIsTrue) {
  std::printf("MODELREF_TEST_SEED=%llu\n", static_cast<unsigned long long>(first_seed_));
  RunWorlds(operations_, /*on_disk=*/false);
  ExpectCoverage();
}

TEST_F(WatchRandomTest, WhateverHappensStreamsContinueOverRestarts) {
  std::printf("MODELREF_TEST_SEED=%llu\n", static_cast<unsigned long long>(first_seed_));
  RunWorlds(operations_on_disk_, /*on_disk=*/true);
  EXPECT_GT(coverage_.reopened, 2u);
  EXPECT_GT(coverage_.exact, 10u);
  EXPECT_GT(coverage_.coalesced, 10u);
}

}  // namespace
}  // namespace modelref

// Real servers that die at every failpoint and at any moment, on one directory, while people edit
// its files, commit, import, watch and read: nothing acknowledged or seen is lost.
//
// MODELREF_CRASH_ROUNDS=N and MODELREF_SEED=N choose how long and which. The seed chooses what
// everybody does and where programs die; when they do it the system decides.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/failpoint.h"
#include "tests/crash/crash_run.h"
#include "tests/testing/environment.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CrashRun;
using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::TempDir;

TEST(CrashRoundsTest, NothingAcknowledgedOrSeenIsLostWhenServersAreKilled) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  const uint64_t rounds = NumberFromEnvironment("MODELREF_CRASH_ROUNDS", 100);
  const uint64_t seed = NumberFromEnvironment("MODELREF_SEED", 20261121);
  std::printf("MODELREF_CRASH_ROUNDS=%llu MODELREF_SEED=%llu\n",
              static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(seed));
  TempDir dir;
  const char* kept = std::getenv("MODELREF_CRASH_DIR");
  CrashRun run(kept == nullptr ? dir.path() : kept, seed);
  for (uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    const bool is_thorough = round < 10 || round % 10 == 9 || round + 1 == rounds;
    EXPECT_EQ(run.RunRound(is_thorough ? CrashRun::Depth::kThorough : CrashRun::Depth::kQuick), "")
        << "in round " << round << ", MODELREF_SEED=" << seed;
  }
  // Chance may have left out a point.
  for (int extra = 0; rounds >= 100 && extra < 30 && !HasFailure(); ++extra) {
    if (run.plan().Missing().empty()) break;
    EXPECT_EQ(run.RunRound(CrashRun::Depth::kQuick), "") << "MODELREF_SEED=" << seed;
  }
  std::printf("%s\n", run.Summary().c_str());
  std::fflush(stdout);
  if (rounds < 100 || HasFailure()) return;
  EXPECT_EQ(absl::StrJoin(run.plan().Missing(), " "), "") << "nobody died at these points";
}

}  // namespace
}  // namespace modelref

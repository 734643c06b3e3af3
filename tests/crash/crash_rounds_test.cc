// Real servers that die at every failpoint and at any moment, on one directory, while people edit
// its files, write through the service, commit, import, watch and read: nothing acknowledged or
// seen is lost, and nothing is done twice.
//
// MODELREF_CRASH_ROUNDS=N and MODELREF_SEED=N choose how long and which: round i has the seed N +
// i, which chooses what everybody does and where programs die; when they do it the system decides.
// Every 200 rounds begin with a new directory: all of its history is looked at after each.
// A round that failed says how it is repeated alone:
//   MODELREF_CRASH_SERVERS=A|B  the failpoints of the servers of each round.
//   MODELREF_CRASH_AWAY_MS=N    so long no program looks at the files before each of them, as when
//                               a long history opens slowly on a busy machine.
//   MODELREF_CRASH_DIR=D        the folder of the directories of one of the tests, which is kept.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/failpoint.h"
#include "tests/crash/crash_run.h"
#include "tests/testing/environment.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CrashRun;
using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::TempDir;

CrashRun::Options OptionsOfEnvironment() {
  CrashRun::Options options;
  if (const char* servers = std::getenv("MODELREF_CRASH_SERVERS"); servers != nullptr) {
    options.servers = absl::StrSplit(servers, '|');
  }
  const uint64_t away = NumberFromEnvironment("MODELREF_CRASH_AWAY_MS", 0);
  options.away = absl::Milliseconds(static_cast<int64_t>(away));
  return options;
}

constexpr uint64_t kRoundsOfADirectory = 200;

// Says once a minute how far the rounds are.
class Progress {
 public:
  explicit Progress(uint64_t rounds) : rounds_(rounds) {}
  void Tell(uint64_t round) {
    const absl::Time now = RealClock().TimeNow();
    if (now - told_ < absl::Minutes(1)) return;
    told_ = now;
    std::printf("round %llu of %llu after %s\n", static_cast<unsigned long long>(round),
                static_cast<unsigned long long>(rounds_),
                absl::FormatDuration(absl::Trunc(now - begin_, absl::Seconds(1))).c_str());
    std::fflush(stdout);
  }

 private:
  const uint64_t rounds_;
  const absl::Time begin_ = RealClock().TimeNow();
  absl::Time told_ = begin_;
};

// How to have the newest round again, some times because it is the system that decides when.
std::string Again(const CrashRun& run, uint64_t seed) {
  return absl::StrCat("again: MODELREF_CRASH_ROUNDS=20 MODELREF_SEED=", seed,
                      " MODELREF_CRASH_SERVERS='", absl::StrJoin(run.servers(), "|"), "'");
}

// On one directory: `rounds` of them, and as many more as it takes until somebody died everywhere,
// if `meets_all`.
void RunOnDirectory(const std::string& dir, uint64_t seed, uint64_t rounds, bool meets_all,
                    const CrashRun::Options& options) {
  CrashRun run(dir, options);
  Progress progress(rounds);
  uint64_t round = 0;
  for (; round < rounds && !::testing::Test::HasFailure(); ++round) {
    progress.Tell(round);
    const bool is_thorough = round < 10 || round % 10 == 9 || round + 1 == rounds;
    const auto depth = is_thorough ? CrashRun::Depth::kThorough : CrashRun::Depth::kQuick;
    EXPECT_EQ(run.RunRound(seed + round, depth), "")
        << "in round " << round << "; " << Again(run, seed + round);
  }
  // Chance may have left out a point.
  for (int extra = 0; meets_all && extra < 30 && !::testing::Test::HasFailure(); ++extra) {
    if (run.plan().Missing().empty()) break;
    const uint64_t own = seed + round++;
    EXPECT_EQ(run.RunRound(own, CrashRun::Depth::kQuick), "") << Again(run, own);
  }
  std::printf("%s\n", run.Summary().c_str());
  std::fflush(stdout);
  if (!meets_all || ::testing::Test::HasFailure()) return;
  EXPECT_EQ(absl::StrJoin(run.plan().Missing(), " "), "") << "nobody died at these points";
}

void RunRounds(uint64_t rounds, bool meets_all, const CrashRun::Options& options) {
  const uint64_t seed = NumberFromEnvironment("MODELREF_SEED", 20261121);
  std::printf("MODELREF_CRASH_ROUNDS=%llu MODELREF_SEED=%llu\n",
              static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(seed));
  const char* kept = std::getenv("MODELREF_CRASH_DIR");
  for (uint64_t begin = 0; begin < rounds && !::testing::Test::HasFailure();
       begin += kRoundsOfADirectory) {
    TempDir dir;
    const uint64_t count = std::min(kRoundsOfADirectory, rounds - begin);
    RunOnDirectory(kept == nullptr ? dir.path() : absl::StrCat(kept, "/", begin), seed + begin,
                   count, meets_all && begin == 0, options);
  }
}

TEST(CrashRoundsTest, NothingAcknowledgedOrSeenIsLostWhenServersAreKilled) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  const uint64_t rounds = NumberFromEnvironment("MODELREF_CRASH_ROUNDS", 80);
  const CrashRun::Options options = OptionsOfEnvironment();
  RunRounds(rounds, rounds >= 80 && options.servers.empty(), options);
}

// A quarter as many.
TEST(CrashRoundsTest, NothingIsLostUnderALegacyCanonicalFormatEither) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  const uint64_t rounds = NumberFromEnvironment("MODELREF_CRASH_ROUNDS", 80);
  CrashRun::Options options = OptionsOfEnvironment();
  options.canonical = Format::kLegacy;
  RunRounds((rounds + 3) / 4, false, options);
}

}  // namespace
}  // namespace modelref

// The store against a simple model of it: random writes of several callers, through several stores
// on one directory as processes have them, several at once, repeated and refused, while processes
// end and the power fails. The history says in which order writes happened; carried out in that
// order on the model each must do what it was answered, once, and nothing else may happen.
//
// MODELREF_TEST_OPERATIONS=N and MODELREF_SEED=N choose how many and which.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "tests/service/write_model_run.h"
#include "tests/testing/environment.h"

namespace modelref::testing {
namespace {

// A directory is left after so many calls: what opening it costs grows with its history.
constexpr uint64_t kCallsOfADirectory = 10'000;

void Add(const WriteModelRun::Counts& run, WriteModelRun::Counts* all) {
  all->calls += run.calls;
  all->validated += run.validated;
  all->restarts += run.restarts;
  all->power_cuts += run.power_cuts;
  all->events += run.events;
  all->answers.committed += run.answers.committed;
  all->answers.unchanged += run.answers.unchanged;
  all->answers.refused += run.answers.refused;
  all->answers.replayed += run.answers.replayed;
  all->answers.reuses += run.answers.reuses;
  all->answers.unknown += run.answers.unknown;
}

std::string Summary(const WriteModelRun::Counts& counts) {
  const WriteJudge::Counts& answers = counts.answers;
  return absl::StrCat(counts.calls, " calls: ", answers.committed, " committed, ",
                      answers.unchanged, " unchanged, ", answers.refused, " refused, ",
                      answers.replayed, " replayed, ", answers.reuses, " with a used id, ",
                      answers.unknown, " in doubt; ", counts.validated, " validated, ",
                      counts.restarts, " restarts, ", counts.power_cuts, " power cuts, ",
                      counts.events, " events");
}

class WriteModelTest : public ::testing::TestWithParam<Format> {};

TEST_P(WriteModelTest, EveryWriteDoesWhatItIsAnsweredOnceAndNothingElseHappens) {
  // For both formats together.
  const uint64_t operations = NumberFromEnvironment("MODELREF_TEST_OPERATIONS", 10'000);
  uint64_t seed = NumberFromEnvironment("MODELREF_SEED", 20261121);
  WriteModelRun::Counts all;
  while (2 * all.calls < operations && !HasFailure()) {
    std::printf("MODELREF_TEST_OPERATIONS=%llu MODELREF_SEED=%llu\n",
                static_cast<unsigned long long>(operations - 2 * all.calls),
                static_cast<unsigned long long>(seed));
    WriteModelRun run(seed++, GetParam());
    run.Run(std::min(kCallsOfADirectory, operations / 2 - all.calls + 1));
    Add(run.counts(), &all);
  }
  std::printf("%s\n", Summary(all).c_str());
  const WriteJudge::Counts& answers = all.answers;
  for (const uint64_t count : {answers.committed, answers.unchanged, answers.refused,
                               answers.replayed, answers.reuses, answers.unknown, all.validated}) {
    EXPECT_GE(count * 200, all.calls) << "too few to show anything";
  }
  EXPECT_GE(std::min(all.restarts, all.power_cuts), all.calls / 1000);
}

INSTANTIATE_TEST_SUITE_P(CanonicalFormats, WriteModelTest,
                         ::testing::Values(Format::kV2, Format::kLegacy),
                         [](const ::testing::TestParamInfo<Format>& format) {
                           return format.param == Format::kV2 ? "V2" : "Legacy";
                         });

}  // namespace
}  // namespace modelref::testing

#include "service/store/import_turn.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "backends/base/clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

constexpr absl::Duration kLong = absl::Seconds(30);

// Two objects on one file are to each other as two processes.
class ImportTurnTest : public ::testing::Test {
 protected:
  TempDir dir_;
  ImportTurn ours_{dir_.PathOf("import.lock")};
  ImportTurn theirs_{dir_.PathOf("import.lock")};
};

TEST_F(ImportTurnTest, OneOfAllThreadsAndProcessesHasIt) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto work = [&] {
    const int now = ++inside;
    if (now > most) most = now;
    Pause(absl::Microseconds(200));
    --inside;
  };
  std::vector<std::thread> threads;
  for (ImportTurn* turn : {&ours_, &ours_, &theirs_, &theirs_}) {
    threads.emplace_back([&, turn] {
      for (int i = 0; i < 20; ++i) EXPECT_THAT(turn->Run(work, kLong, true), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
}

TEST_F(ImportTurnTest, WhatAnotherProcessDoesNotEndIsWaitedForOnlySoLong) {
  bool ran = false;
  const auto within = [&] {
    EXPECT_THAT(theirs_.Run([&] { ran = true; }, absl::Milliseconds(20), false),
                StatusIs(absl::StatusCode::kUnavailable));
  };
  EXPECT_THAT(ours_.Run(within, kLong, false), IsOk());
  EXPECT_FALSE(ran);
  EXPECT_THAT(theirs_.Run([&] { ran = true; }, absl::ZeroDuration(), false), IsOk());
  EXPECT_TRUE(ran);
}

TEST_F(ImportTurnTest, WhoIsAskedForCeaselesslyLetsOthersHaveTheirTurn) {
  std::atomic<bool> stop = false;
  std::atomic<int> turns = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        EXPECT_THAT(ours_.Run([] { Pause(absl::Milliseconds(5)); }, kLong, true), IsOk());
        ++turns;
      }
    });
  }
  while (turns == 0) Pause(absl::Milliseconds(1));
  for (int i = 0; i < 20; ++i) EXPECT_THAT(theirs_.Run([] {}, absl::Seconds(1), false), IsOk());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(turns, 0);
}

TEST_F(ImportTurnTest, WithoutAFolderNobodyHasItAndWithoutANameThereIsNobodyElse) {
  ImportTurn lost(dir_.PathOf("gone/import.lock"));
  bool ran = false;
  EXPECT_THAT(lost.Run([&] { ran = true; }, kLong, false), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(ran);
  ImportTurn alone("");
  EXPECT_THAT(alone.Run([&] { ran = true; }, absl::ZeroDuration(), true), IsOk());
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace modelref

#include "backends/base/failpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/status_macros.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Event;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class FailpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  }
  void TearDown() override { DisarmFailpoints(); }
};

absl::Status PassHere() { return FAILPOINT_STATUS("test.here"); }
absl::Status PassThere() { return FAILPOINT_STATUS("test.there"); }
void PassWithoutStatus() { FAILPOINT("test.void"); }

absl::Status WriteSomething(bool* wrote) {
  RETURN_IF_ERROR(FAILPOINT_STATUS("test.before_write"));
  *wrote = true;
  return absl::OkStatus();
}

TEST_F(FailpointTest, APointThatIsNotArmedDoesNothing) {
  EXPECT_THAT(PassHere(), IsOk());
  PassWithoutStatus();
  ASSERT_THAT(ArmFailpoints("test.elsewhere=error(INTERNAL)"), IsOk());
  EXPECT_THAT(PassHere(), IsOk());
}

TEST_F(FailpointTest, AnArmedErrorIsReturnedAndNamesThePoint) {
  ASSERT_THAT(ArmFailpoints("test.before_write=error(RESOURCE_EXHAUSTED)"), IsOk());
  bool wrote = false;
  EXPECT_THAT(WriteSomething(&wrote), StatusIs(absl::StatusCode::kResourceExhausted,
                                               HasSubstr("failpoint test.before_write")));
  EXPECT_FALSE(wrote);
  DisarmFailpoints();
  EXPECT_THAT(WriteSomething(&wrote), IsOk());
  EXPECT_TRUE(wrote);
}

TEST_F(FailpointTest, EveryCodeHasItsName) {
  for (int number = 1; number <= 16; ++number) {
    const auto code = static_cast<absl::StatusCode>(number);
    ASSERT_THAT(ArmFailpoints("test.here=error(" + absl::StatusCodeToString(code) + ")"), IsOk());
    EXPECT_THAT(PassHere(), StatusIs(code));
  }
}

TEST_F(FailpointTest, ANumberNamesTheOneHitThatActs) {
  ASSERT_THAT(ArmFailpoints("test.here=error(ABORTED)@3"), IsOk());
  for (int hit = 1; hit <= 5; ++hit) EXPECT_EQ(PassHere().ok(), hit != 3) << hit;
}

TEST_F(FailpointTest, ANumberWithAPlusNamesTheFirstHitThatActs) {
  ASSERT_THAT(ArmFailpoints("test.here=error(ABORTED)@3+"), IsOk());
  for (int hit = 1; hit <= 5; ++hit) EXPECT_EQ(PassHere().ok(), hit < 3) << hit;
}

TEST_F(FailpointTest, SeveralPointsAreArmedAtOnceAndOthersByAStar) {
  ASSERT_THAT(ArmFailpoints(" test.here=error(ABORTED) ;; *=error(INTERNAL); "), IsOk());
  EXPECT_THAT(PassHere(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(PassThere(), StatusIs(absl::StatusCode::kInternal));
}

TEST_F(FailpointTest, AnErrorAtAPointThatCannotFailIsLoggedAndIgnored) {
  ASSERT_THAT(ArmFailpoints("test.void=error(INTERNAL)"), IsOk());
  ::testing::internal::CaptureStderr();
  PassWithoutStatus();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr(R"("event":"failpoint.error_ignored","name":"test.void")"));
}

TEST_F(FailpointTest, LogWritesALineForEachHit) {
  ASSERT_THAT(ArmFailpoints("*=log"), IsOk());
  ::testing::internal::CaptureStderr();
  PassWithoutStatus();
  EXPECT_THAT(PassHere(), IsOk());
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, HasSubstr(R"("event":"failpoint.hit","name":"test.void")"));
  EXPECT_THAT(lines, HasSubstr(R"("event":"failpoint.hit","name":"test.here")"));
}

TEST_F(FailpointTest, KillEndsTheProcessAtOnceAndTellsWhere) {
  const auto die_at_the_second_hit = [] {
    ArmFailpoints("test.void=kill@2").IgnoreError();
    PassWithoutStatus();
    PassWithoutStatus();
  };
  EXPECT_EXIT(die_at_the_second_hit(), ::testing::KilledBySignal(SIGKILL),
              R"("event":"failpoint.kill","name":"test.void")");
}

TEST_F(FailpointTest, SleepWaitsForItsTime) {
  ASSERT_THAT(ArmFailpoints("test.void=sleep(50)"), IsOk());
  const absl::Time start = RealClock().TimeNow();
  PassWithoutStatus();
  EXPECT_GE(RealClock().TimeNow() - start, absl::Milliseconds(45));
}

TEST_F(FailpointTest, DisarmingWakesWhoSleeps) {
  ASSERT_THAT(ArmFailpoints("test.void=sleep(3600000)"), IsOk());
  // Hangs until the test runs out of time when it is not woken.
  std::thread sleeper(PassWithoutStatus);
  DisarmFailpoints();
  sleeper.join();
}

TEST_F(FailpointTest, AScopedPointRunsItsActionAndCountsItsHits) {
  int calls = 0;
  {
    ScopedFailpoint point("test.here", [&calls] {
      ++calls;
      return calls == 2 ? absl::DataLossError("second") : absl::OkStatus();
    });
    EXPECT_THAT(PassHere(), IsOk());
    EXPECT_THAT(PassHere(), StatusIs(absl::StatusCode::kDataLoss, "second"));
    EXPECT_EQ(point.hits(), 2);
  }
  EXPECT_THAT(PassHere(), IsOk());
  EXPECT_EQ(calls, 2);
}

TEST_F(FailpointTest, AScopedPointFailsWithACode) {
  ScopedFailpoint point("test.here", absl::StatusCode::kUnavailable);
  EXPECT_THAT(PassHere(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("failpoint test.here")));
  EXPECT_EQ(point.hits(), 1);
}

TEST_F(FailpointTest, TheEndOfAScopedPointWaitsForItsRunningAction) {
  Event entered;
  Event leave;
  std::atomic<bool> left = false;
  auto point = std::make_unique<ScopedFailpoint>("test.void", [&] {
    entered.Set();
    EXPECT_TRUE(leave.Wait());
    left = true;
    return absl::OkStatus();
  });
  std::thread hitter(PassWithoutStatus);
  ASSERT_TRUE(entered.Wait());
  std::thread releaser([&leave] { leave.Set(); });
  point.reset();
  EXPECT_TRUE(left);
  hitter.join();
  releaser.join();
}

TEST_F(FailpointTest, ABadSpecificationArmsNothingAndSaysWhere) {
  for (const char* bad :
       {"x", "=kill", "Store.x=kill", "x=die", "x=sleep", "x=sleep(-1)", "x=sleep(1", "x=error()",
        "x=error(NOPE)", "x=error(OK)", "x=kill@", "x=kill@0", "x=kill@-1", "x=kill@1++"}) {
    EXPECT_THAT(
        ArmFailpoints(std::string("test.here=error(ABORTED);") + bad),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string("\"") + bad + "\"")));
    EXPECT_THAT(PassHere(), IsOk()) << bad;
  }
}

TEST_F(FailpointTest, AnEmptySpecificationArmsNothing) {
  for (const char* nothing : {"", " ", ";", " ; ; "}) {
    EXPECT_THAT(ArmFailpoints(nothing), IsOk());
  }
  EXPECT_FALSE(failpoint_internal::IsAnyArmed());
}

TEST_F(FailpointTest, TheEnvironmentArmsWithOneWarning) {
  ASSERT_EQ(setenv(kFailpointsVariable, "test.here=error(ABORTED);test.there=log", 1), 0);
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(ArmFailpointsFromEnvironment(), IsOk());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              MatchesRegex("[^\n]*\"level\":\"warning\",\"event\":\"failpoint.armed\"[^\n]*\n"));
  EXPECT_THAT(PassHere(), StatusIs(absl::StatusCode::kAborted));
  ASSERT_EQ(setenv(kFailpointsVariable, "test.here=nonsense", 1), 0);
  EXPECT_THAT(ArmFailpointsFromEnvironment(), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_EQ(unsetenv(kFailpointsVariable), 0);
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(ArmFailpointsFromEnvironment(), IsOk());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace modelref

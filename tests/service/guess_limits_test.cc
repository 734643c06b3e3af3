#include "service/guess_limits.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::HasReason;
using testing::IsOk;

constexpr char kPeer[] = "ipv4:10.0.0.7:1000";
constexpr char kSameAddress[] = "ipv4:10.0.0.7:2000";
constexpr char kOther[] = "ipv4:10.0.0.8:1000";

class GuessLimitsTest : public ::testing::Test {
 protected:
  void Guess(int count, const char* peer = kPeer) {
    for (int i = 0; i < count; ++i) limits_.WasBad(peer, ++guessed_, now_);
  }

  size_t guessed_ = 1'000'000;

  SteadyTime now_ = SteadyTime() + std::chrono::hours(1);
  GuessLimits limits_{{.burst = 3, .per_second = 0.5, .max_addresses = 4, .max_secrets = 1000}};
};

TEST_F(GuessLimitsTest, AnAddressMayGuessSoOftenAndThenSlowly) {
  Guess(2);
  EXPECT_THAT(limits_.MayTry(kPeer, 1, now_), IsOk());
  Guess(1, kSameAddress);
  const absl::Status refused = limits_.MayTry(kPeer, 1, now_);
  EXPECT_THAT(refused, HasReason("RATE_LIMIT"));
  EXPECT_EQ(ExtrasOf(refused).retry_after, absl::Seconds(2));
  EXPECT_THAT(limits_.MayTry(kOther, 1, now_), IsOk());
  EXPECT_EQ(limits_.refused(), 1u);
  now_ += std::chrono::seconds(2);
  EXPECT_THAT(limits_.MayTry(kPeer, 1, now_), IsOk());
  Guess(1);
  EXPECT_FALSE(limits_.MayTry(kPeer, 1, now_).ok());
  now_ += std::chrono::hours(1);
  Guess(2);
  EXPECT_THAT(limits_.MayTry(kPeer, 1, now_), IsOk());
  Guess(1);
  EXPECT_FALSE(limits_.MayTry(kPeer, 1, now_).ok()) << "never more than the burst";
}

TEST_F(GuessLimitsTest, WhoWasGoodBeforeGoesOnWhereOthersGuess) {
  limits_.WasGood(1);
  Guess(100);
  EXPECT_THAT(limits_.MayTry(kPeer, 1, now_), IsOk());
  EXPECT_FALSE(limits_.MayTry(kPeer, 2, now_).ok());
}

TEST_F(GuessLimitsTest, AWrongSecretThatIsRepeatedIsOneGuess) {
  for (int i = 0; i < 100; ++i) limits_.WasBad(kPeer, 7, now_);
  EXPECT_THAT(limits_.MayTry(kPeer, 1, now_), IsOk());
  Guess(2);
  EXPECT_FALSE(limits_.MayTry(kPeer, 1, now_).ok());
  EXPECT_THAT(limits_.MayTry(kPeer, 7, now_), IsOk()) << "and is still told that it is wrong";
}

TEST_F(GuessLimitsTest, WhatIsRememberedIsBounded) {
  for (size_t secret = 1; secret <= 5000; ++secret) limits_.WasGood(secret);
  Guess(3);
  EXPECT_FALSE(limits_.MayTry(kPeer, 1, now_).ok()) << "forgotten";
  EXPECT_THAT(limits_.MayTry(kPeer, 5000, now_), IsOk());
  for (int i = 0; i < 100; ++i) Guess(1, absl::StrCat("ipv4:10.0.1.", i, ":1").c_str());
  EXPECT_THAT(limits_.MayTry("ipv4:10.0.1.0:1", 7, now_), IsOk());
}

}  // namespace
}  // namespace modelref

#include "service/guess_limits.h"

#include <gtest/gtest.h>

#include <string>

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
  using Outcome = GuessLimits::Outcome;

  // Guesses wrong; whether it was let.
  bool Guess(const std::string& peer = kPeer) {
    const size_t secret = ++guessed_;
    if (!limits_.Begin(peer, secret, now_).ok()) return false;
    limits_.End(secret, Outcome::kWrong, now_);
    return true;
  }
  void Exhaust(const std::string& peer = kPeer) {
    while (Guess(peer)) {
    }
  }

  size_t guessed_ = 1'000'000;
  SteadyTime now_ = SteadyTime() + std::chrono::hours(1);
  GuessLimits limits_{
      {.burst = 3, .per_second = 0.5, .questions = 8, .max_addresses = 4, .max_secrets = 1000}};
};

TEST_F(GuessLimitsTest, AnAddressMayGuessSoOftenAndThenSlowly) {
  EXPECT_TRUE(Guess());
  EXPECT_TRUE(Guess());
  EXPECT_TRUE(Guess(kSameAddress));
  const absl::Status refused = limits_.Begin(kPeer, 1, now_);
  EXPECT_THAT(refused, HasReason("RATE_LIMIT"));
  EXPECT_EQ(ExtrasOf(refused).retry_after, absl::Seconds(2));
  EXPECT_TRUE(Guess(kOther));
  EXPECT_EQ(limits_.refused(), 1u);
  now_ += std::chrono::seconds(2);
  EXPECT_TRUE(Guess());
  EXPECT_FALSE(Guess());
  now_ += std::chrono::hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Guess());
  EXPECT_FALSE(Guess()) << "never more than the burst";
}

TEST_F(GuessLimitsTest, AFleetThatNeverGuessedWrongAsksSoManyAtOnce) {
  for (size_t secret = 1; secret <= 8; ++secret) {
    EXPECT_THAT(limits_.Begin(kPeer, secret, now_), IsOk());
  }
  EXPECT_THAT(limits_.Begin(kPeer, 9, now_), HasReason("RATE_LIMIT"));
  EXPECT_THAT(limits_.Begin(kPeer, 8, now_), IsOk()) << "it is being asked about already";
  limits_.End(8, Outcome::kGood, now_);
  EXPECT_THAT(limits_.Begin(kPeer, 9, now_), HasReason("RATE_LIMIT"));
  limits_.End(8, Outcome::kGood, now_);
  EXPECT_THAT(limits_.Begin(kPeer, 9, now_), IsOk());
  limits_.End(9, Outcome::kNoAnswer, now_);
  EXPECT_THAT(limits_.Begin(kPeer, 10, now_), IsOk()) << "nothing was learned";
}

TEST_F(GuessLimitsTest, WhoGuessedWrongAsksNoMoreAtOnceThanGuessesAreLeft) {
  EXPECT_TRUE(Guess());
  EXPECT_THAT(limits_.Begin(kPeer, 1, now_), IsOk());
  EXPECT_THAT(limits_.Begin(kPeer, 2, now_), IsOk());
  EXPECT_THAT(limits_.Begin(kPeer, 3, now_), HasReason("RATE_LIMIT"));
  limits_.End(1, Outcome::kGood, now_);
  EXPECT_THAT(limits_.Begin(kPeer, 3, now_), IsOk());
}

TEST_F(GuessLimitsTest, WrongAnswersToAFirstCrowdOfQuestionsAreAllPaidFor) {
  for (size_t secret = 1; secret <= 8; ++secret) {
    EXPECT_THAT(limits_.Begin(kPeer, secret, now_), IsOk());
  }
  for (size_t secret = 1; secret <= 8; ++secret) limits_.End(secret, Outcome::kWrong, now_);
  const absl::Status refused = limits_.Begin(kPeer, 100, now_);
  EXPECT_THAT(refused, HasReason("RATE_LIMIT"));
  EXPECT_EQ(ExtrasOf(refused).retry_after, absl::Seconds(12)) << "three of eight were free";
  now_ += std::chrono::seconds(11);
  EXPECT_FALSE(Guess());
  now_ += std::chrono::seconds(1);
  EXPECT_TRUE(Guess());
  EXPECT_FALSE(Guess());
}

TEST_F(GuessLimitsTest, ASecretThatIsGoodNoMoreIsAGuessAgain) {
  EXPECT_THAT(limits_.Begin(kPeer, 1, now_), IsOk());
  limits_.End(1, Outcome::kGood, now_);
  Exhaust();
  EXPECT_THAT(limits_.Begin(kPeer, 1, now_), IsOk());
  limits_.End(1, Outcome::kWrong, now_);
  EXPECT_FALSE(limits_.Begin(kPeer, 1, now_).ok());
}

TEST_F(GuessLimitsTest, AWrongSecretThatIsRepeatedIsOneGuess) {
  for (int i = 0; i < 100; ++i) EXPECT_THAT(limits_.CountWrong(kPeer, 7, now_), IsOk());
  EXPECT_TRUE(Guess());
  EXPECT_TRUE(Guess());
  EXPECT_FALSE(Guess());
  EXPECT_THAT(limits_.CountWrong(kPeer, 7, now_), IsOk()) << "and is still told that it is wrong";
  EXPECT_THAT(limits_.CountWrong(kPeer, guessed_ - 1, now_), IsOk()) << "as one that was asked is";
  EXPECT_THAT(limits_.CountWrong(kPeer, 8, now_), HasReason("RATE_LIMIT"));
}

TEST_F(GuessLimitsTest, TheAddressesOfOneHostAreOne) {
  Exhaust("ipv6:[2001:db8::1]:1");
  EXPECT_FALSE(Guess("ipv6:[2001:db8::ffff:2]:1"));
  EXPECT_TRUE(Guess("ipv6:[2001:db8:0:1::1]:1"));
}

TEST_F(GuessLimitsTest, WhatIsRememberedIsBounded) {
  for (size_t secret = 1; secret <= 5000; ++secret) {
    ASSERT_THAT(limits_.Begin(kPeer, secret, now_), IsOk());
    limits_.End(secret, Outcome::kGood, now_);
  }
  Exhaust();
  EXPECT_FALSE(limits_.Begin(kPeer, 1, now_).ok()) << "forgotten";
  EXPECT_THAT(limits_.Begin(kPeer, 5000, now_), IsOk());
  for (int i = 0; i < 100; ++i) Guess(absl::StrCat("ipv4:10.0.1.", i, ":1"));
  EXPECT_TRUE(Guess("ipv4:10.0.1.0:1"));
}

}  // namespace
}  // namespace modelref

#include "service/auth/horde_cache.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "service/auth/secret.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::HasReason;
using testing::IsOk;
using testing::IsOkAndHolds;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const Sha256Digest kKey = Sha256("key");
const HordeUser kUser = {"123", "Name#123"};

absl::Status NoAnswer() {
  return Error(absl::StatusCode::kUnavailable, "IDENTITY_UNAVAILABLE", "no answer");
}

// ttl 60 s, unknown 10 s, grace 300 s, retry 1 s.
class HordeCacheTest : public ::testing::Test {
 protected:
  HordeCache cache_{HordeCache::Options()};
};

TEST_F(HordeCacheTest, AUserIsKnownForTheTimeToLive) {
  EXPECT_EQ(cache_.Find(kKey, kNow), std::nullopt);
  EXPECT_THAT(cache_.Keep(kKey, kUser, kNow), IsOkAndHolds(kUser));
  ASSERT_TRUE(cache_.Find(kKey, kNow + absl::Seconds(59)).has_value());
  EXPECT_THAT(*cache_.Find(kKey, kNow + absl::Seconds(59)), IsOkAndHolds(kUser));
  EXPECT_EQ(cache_.Find(kKey, kNow + absl::Seconds(60)), std::nullopt);
}

TEST_F(HordeCacheTest, AnUnknownKeyIsRememberedForAShorterTime) {
  EXPECT_THAT(cache_.Keep(kKey, UnknownCredential(), kNow), HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(*cache_.Find(kKey, kNow + absl::Seconds(9)), HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ(cache_.Find(kKey, kNow + absl::Seconds(10)), std::nullopt);
}

TEST_F(HordeCacheTest, NobodyIsAskedAgainAtOnceAfterNoAnswer) {
  EXPECT_THAT(cache_.Keep(kKey, NoAnswer(), kNow), HasReason("IDENTITY_UNAVAILABLE"));
  EXPECT_THAT(*cache_.Find(kKey, kNow), HasReason("IDENTITY_UNAVAILABLE"));
  EXPECT_EQ(cache_.Find(kKey, kNow + absl::Seconds(1)), std::nullopt);
}

TEST_F(HordeCacheTest, AKnownUserIsServedInGraceWhileNobodyAnswersAndNotLonger) {
  ASSERT_THAT(cache_.Keep(kKey, kUser, kNow), IsOk());
  absl::Time now = kNow + absl::Seconds(61);
  EXPECT_THAT(cache_.Keep(kKey, NoAnswer(), now), IsOkAndHolds(kUser));
  EXPECT_THAT(*cache_.Find(kKey, now), IsOkAndHolds(kUser));
  EXPECT_EQ(cache_.Find(kKey, now + absl::Seconds(1)), std::nullopt) << "asked again";
  now = kNow + absl::Seconds(359);
  EXPECT_THAT(cache_.Keep(kKey, NoAnswer(), now), IsOkAndHolds(kUser));
  now = kNow + absl::Seconds(360);
  EXPECT_THAT(cache_.Keep(kKey, NoAnswer(), now), HasReason("IDENTITY_UNAVAILABLE"));
}

TEST_F(HordeCacheTest, ARefusalEndsTheGrace) {
  ASSERT_THAT(cache_.Keep(kKey, kUser, kNow), IsOk());
  const absl::Time now = kNow + absl::Seconds(61);
  EXPECT_THAT(cache_.Keep(kKey, UnknownCredential(), now), HasReason("CREDENTIAL_INVALID"));
  EXPECT_THAT(cache_.Keep(kKey, NoAnswer(), now + absl::Seconds(11)),
              HasReason("IDENTITY_UNAVAILABLE"));
}

TEST_F(HordeCacheTest, AnAnswerEndsARefusal) {
  EXPECT_FALSE(cache_.Keep(kKey, UnknownCredential(), kNow).ok());
  ASSERT_THAT(cache_.Keep(kKey, kUser, kNow), IsOk());
  EXPECT_THAT(*cache_.Find(kKey, kNow), IsOkAndHolds(kUser));
  EXPECT_EQ(cache_.refusals(), 0u);
}

TEST(HordeCacheSizeTest, ManyUnknownKeysDoNotDriveUsersOut) {
  HordeCache::Options options;
  options.max_users = 3;
  options.max_refusals = 5;
  HordeCache cache(options);
  ASSERT_THAT(cache.Keep(kKey, kUser, kNow), IsOk());
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(cache.Keep(Sha256(absl::StrCat(i)), UnknownCredential(), kNow).ok());
  }
  EXPECT_EQ(cache.users(), 1u);
  EXPECT_LE(cache.refusals(), 5u);
  EXPECT_THAT(*cache.Find(kKey, kNow), IsOkAndHolds(kUser));
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(cache.Keep(Sha256(absl::StrCat("u", i)), kUser, kNow + absl::Seconds(i + 1)),
                IsOk());
  }
  EXPECT_LE(cache.users(), 3u);
  EXPECT_EQ(cache.Find(kKey, kNow + absl::Seconds(11)), std::nullopt) << "the oldest goes";
  EXPECT_TRUE(cache.Find(Sha256("u9"), kNow + absl::Seconds(11)).has_value());
}

}  // namespace
}  // namespace modelref

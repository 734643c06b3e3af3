// The documented semantics of the original's cache (H 3.2, H 7: 1-9).

#include "backends/caching_backend.h"

#include <exception>
#include <stdexcept>

#include "tests/backends/caching_backend_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::DocumentJson;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using CachingBackendTest = CachingBackendFixture;

constexpr FetchMode kAllow = FetchMode::kAllowCaches;
constexpr FetchMode kBypass = FetchMode::kBypassCaches;

TEST_F(CachingBackendTest, FreshBackendIsInvalidAndNeedsNoRefresh) {
  const auto cache = MakeCache();
  EXPECT_FALSE(cache->HasCachedData(kV2));
  EXPECT_FALSE(cache->IsCacheValid(kV2));
  EXPECT_FALSE(cache->NeedsRefresh(kV2));
  EXPECT_FALSE(cache->Peek(kV2).has_value());
}

TEST_F(CachingBackendTest, LoadedDocumentIsValidAndNeedsNoRefresh) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  EXPECT_TRUE(cache->HasCachedData(kV2));
  EXPECT_TRUE(cache->IsCacheValid(kV2));
  EXPECT_FALSE(cache->NeedsRefresh(kV2));
  EXPECT_FALSE(cache->HasCachedData(kLegacy));
}

TEST_F(CachingBackendTest, OneSecondAfterTheTtlTheDocumentIsInvalidAndNeedsRefresh) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(60));
  EXPECT_TRUE(cache->IsCacheValid(kV2));
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(cache->IsCacheValid(kV2));
  EXPECT_TRUE(cache->NeedsRefresh(kV2));
  EXPECT_TRUE(cache->HasCachedData(kV2));
}

TEST_F(CachingBackendTest, NeedsRefreshFindsTheExpiryByItself) {
  const auto cache = MakeCache();
  Invalidations invalidations;
  invalidations.Watch(*cache);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(61));
  EXPECT_TRUE(cache->NeedsRefresh(kV2));
  EXPECT_THAT(invalidations.seen(), ElementsAre(Pair("image_generation/v2", StaleCause::kTtl)));
}

TEST_F(CachingBackendTest, MarkStaleMakesNeedsRefreshTrueAndKeepsTheData) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  cache->MarkStale(kV2);
  EXPECT_TRUE(cache->NeedsRefresh(kV2));
  EXPECT_FALSE(cache->IsCacheValid(kV2));
  EXPECT_TRUE(cache->HasCachedData(kV2));
}

TEST_F(CachingBackendTest, NeedsRefreshStaysFalseWhenNothingIsCachedEvenAfterMarkStale) {
  const auto cache = MakeCache();
  cache->MarkStale(kV2);
  EXPECT_FALSE(cache->NeedsRefresh(kV2));
  EXPECT_FALSE(cache->HasCachedData(kV2));
}

TEST_F(CachingBackendTest, WithoutTtlADocumentIsValidAfterTenThousandSeconds) {
  const auto cache = MakeCache(Options());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(10'000));
  EXPECT_TRUE(cache->IsCacheValid(kV2));
  EXPECT_FALSE(cache->NeedsRefresh(kV2));
}

TEST_F(CachingBackendTest, ShouldFetchDataFollowsTheLifeOfADocument) {
  const auto cache = MakeCache();
  EXPECT_TRUE(cache->ShouldFetchData(kV2));
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  EXPECT_FALSE(cache->ShouldFetchData(kV2));
  clock_.Advance(absl::Seconds(61));
  EXPECT_TRUE(cache->ShouldFetchData(kV2));
}

TEST_F(CachingBackendTest, FetchCallsTheSourceOnceUntilTtlOrForce) {
  const auto cache = MakeCache();
  for (int i = 0; i < 3; ++i) ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
  clock_.Advance(absl::Seconds(61));
  for (int i = 0; i < 3; ++i) ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  EXPECT_EQ(fake_->fetch_count(kV2), 2u);
  ASSERT_THAT(cache->Fetch(kV2, kBypass), IsOk());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  EXPECT_EQ(fake_->fetch_count(kV2), 3u);
}

TEST_F(CachingBackendTest, CallbacksRunOnMarkStaleInTheOrderOfTheirRegistration) {
  const auto cache = MakeCache();
  std::vector<std::string> order;
  for (const char* name : {"first", "second", "third"}) {
    cache->RegisterInvalidationCallback([&order, name](const DocumentKey& key, StaleCause cause) {
      order.push_back(key.ToString() + " " + std::string(StaleCauseName(cause)) + " " + name);
    });
  }
  cache->MarkStale(kLegacy);
  EXPECT_THAT(order, ElementsAre("image_generation/legacy marked first",
                                 "image_generation/legacy marked second",
                                 "image_generation/legacy marked third"));
}

TEST_F(CachingBackendTest, ThrowingCallbacksDoNotStopTheOthers) {
  const auto cache = MakeCache();
  Invalidations invalidations;
  cache->RegisterInvalidationCallback([](const DocumentKey&, StaleCause) {
    std::rethrow_exception(std::make_exception_ptr(std::runtime_error("a mistake")));
  });
  cache->RegisterInvalidationCallback(
      [](const DocumentKey&, StaleCause) { std::rethrow_exception(std::make_exception_ptr(42)); });
  invalidations.Watch(*cache);
  cache->MarkStale(kV2);
  EXPECT_THAT(invalidations.seen(), SizeIs(1));
}

TEST_F(CachingBackendTest, ExpiryNotifiesOncePerStepFromFreshToStale) {
  const auto cache = MakeCache();
  Invalidations invalidations;
  invalidations.Watch(*cache);
  for (int round = 1; round <= 2; ++round) {
    ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
    clock_.Advance(absl::Seconds(61));
    EXPECT_FALSE(cache->IsCacheValid(kV2));
    EXPECT_TRUE(cache->NeedsRefresh(kV2));
    EXPECT_TRUE(cache->ShouldFetchData(kV2));
    EXPECT_THAT(invalidations.seen(), SizeIs(round));
  }
}

TEST_F(CachingBackendTest, InvalidateForcesAReloadWithoutNotifying) {
  const auto cache = MakeCache();
  Invalidations invalidations;
  invalidations.Watch(*cache);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  cache->Invalidate(kV2);
  EXPECT_FALSE(cache->IsCacheValid(kV2));
  EXPECT_TRUE(cache->HasCachedData(kV2));
  fake_->Set(kV2, DocumentJson({"a", "b"}));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a", "b"));
  EXPECT_THAT(invalidations.seen(), IsEmpty());
}

TEST_F(CachingBackendTest, TheTtlChangesAtRunTime) {
  const auto cache = MakeCache(Options());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(cache->ttl(), absl::InfiniteDuration());
  cache->SetTtl(absl::Seconds(5));
  EXPECT_EQ(cache->ttl(), absl::Seconds(5));
  EXPECT_FALSE(cache->IsCacheValid(kV2));
}

TEST_F(CachingBackendTest, AClockThatIsSetBackDoesNotKeepADocumentForEver) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(-absl::Hours(24));
  EXPECT_FALSE(cache->IsCacheValid(kV2));
}

TEST_F(CachingBackendTest, FormsOfACategoryAreCachedApart) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr legacy, cache->Fetch(kLegacy, kAllow));
  cache->MarkStale(kV2);
  EXPECT_TRUE(cache->IsCacheValid(kLegacy));
  ASSERT_NE(legacy->source_text, nullptr);
  EXPECT_EQ(*legacy->source_text, DocumentJson({"a"}));
}

TEST_F(CachingBackendTest, LegacyObjectAndStringAreCachedTogether) {
  const auto cache = MakeCache();
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr first, cache->Fetch(kLegacy, kAllow));
  fake_->Set(kLegacy, DocumentJson({"a", "b"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr second, cache->Fetch(kLegacy, kAllow));
  EXPECT_EQ(first, second);
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr redownloaded, cache->Fetch(kLegacy, kBypass));
  EXPECT_EQ(*redownloaded->source_text, DocumentJson({"a", "b"}));
  EXPECT_EQ(redownloaded->document->record_count(), 2u);
}

TEST_F(CachingBackendTest, ReadersShareOneImmutableSnapshot) {
  const auto cache = MakeCache();
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr before, cache->Fetch(kV2, kAllow));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr again, FetchAndWait(*cache, kV2));
  EXPECT_EQ(before, again);
  fake_->Set(kV2, DocumentJson({"b"}));
  cache->MarkStale(kV2);
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("b"));
  EXPECT_THAT(testing::NamesOf(*before->document), ElementsAre("a"));
}

}  // namespace
}  // namespace modelref

// How a cache learns that its source changed, and how it stays fresh without being asked.

#include "backends/caching_backend.h"
#include "tests/backends/caching_backend_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::DocumentJson;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using CachingBackendProbeTest = CachingBackendFixture;

constexpr FetchMode kAllow = FetchMode::kAllowCaches;

TEST_F(CachingBackendProbeTest, AnotherVersionIsSeenBeforeTheTtlAndNotifiedOnce) {
  const auto cache = MakeCache(ProbeOptions());
  Invalidations invalidations;
  invalidations.Watch(*cache);
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a"));
  fake_->Set(kV2, DocumentJson({"a", "b"}));
  EXPECT_FALSE(cache->IsCacheValid(kV2));
  EXPECT_TRUE(cache->NeedsRefresh(kV2));
  EXPECT_THAT(invalidations.seen(),
              ElementsAre(Pair("image_generation/v2", StaleCause::kSourceChanged)));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a", "b"));
  EXPECT_TRUE(cache->IsCacheValid(kV2));
}

TEST_F(CachingBackendProbeTest, AProbeThatFailsMakesTheDocumentUnfitButNotStale) {
  const auto cache = MakeCache(ProbeOptions());
  Invalidations invalidations;
  invalidations.Watch(*cache);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  failing_->FailWith(absl::UnavailableError("unplugged"));
  EXPECT_FALSE(cache->IsCacheValid(kV2));
  EXPECT_TRUE(cache->NeedsRefresh(kV2));
  EXPECT_THAT(invalidations.seen(), IsEmpty());
  failing_->FailWith(absl::OkStatus());
  EXPECT_TRUE(cache->IsCacheValid(kV2));
}

TEST_F(CachingBackendProbeTest, TheCustomCheckIsAskedByIsCacheValidAndNeverMarks) {
  bool valid = true;
  Options options = TtlOptions();
  options.still_valid = [&valid](const DocumentKey&) { return valid; };
  const auto cache = MakeCache(options);
  Invalidations invalidations;
  invalidations.Watch(*cache);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  valid = false;
  EXPECT_FALSE(cache->IsCacheValid(kV2));
  EXPECT_FALSE(cache->NeedsRefresh(kV2));
  EXPECT_THAT(invalidations.seen(), IsEmpty());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  EXPECT_EQ(fake_->fetch_count(kV2), 2u);
}

TEST_F(CachingBackendProbeTest, AnExpensiveProbeIsNotAskedByReads) {
  Options options = ProbeOptions();
  options.probe_use = CachingBackend::ProbeUse::kRevalidationOnly;
  const auto cache = MakeCache(options);
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a"));
  fake_->Set(kV2, DocumentJson({"b"}));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a"));
  EXPECT_EQ(fake_->probe_count(), 0u);
  EXPECT_THAT(cache->Revalidate(kV2), IsOk());
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("b"));
}

TEST_F(CachingBackendProbeTest, RevalidateRenewsAnUnchangedDocumentWithoutALoad) {
  const auto cache = MakeCache(ProbeOptions());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(59));
  EXPECT_THAT(cache->Revalidate(kV2), IsOk());
  clock_.Advance(absl::Seconds(59));
  EXPECT_TRUE(cache->IsCacheValid(kV2));
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
}

TEST_F(CachingBackendProbeTest, RevalidateAlsoRenewsADocumentThatExpired) {
  const auto cache = MakeCache(ProbeOptions());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(61));
  EXPECT_TRUE(cache->NeedsRefresh(kV2));
  EXPECT_THAT(cache->Revalidate(kV2), IsOk());
  EXPECT_TRUE(cache->IsCacheValid(kV2));
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
}

TEST_F(CachingBackendProbeTest, RevalidateLoadsWhatWasMarkedEvenWhenTheVersionIsTheSame) {
  const auto cache = MakeCache(ProbeOptions());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  cache->MarkStale(kV2);
  EXPECT_THAT(cache->Revalidate(kV2), IsOk());
  EXPECT_EQ(fake_->fetch_count(kV2), 2u);
  EXPECT_TRUE(cache->IsCacheValid(kV2));
}

TEST_F(CachingBackendProbeTest, RevalidateSaysWhyItFailedAndKeepsTheDocument) {
  const auto cache = MakeCache(ProbeOptions());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  failing_->FailWith(absl::UnavailableError("unplugged"));
  EXPECT_THAT(cache->Revalidate(kV2), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(cache->Revalidate(kLegacy), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(cache->HasCachedData(kV2));
  EXPECT_FALSE(cache->HasCachedData(kLegacy));
}

TEST_F(CachingBackendProbeTest, RefreshAheadKeepsReadersFromEverWaiting) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(40));
  EXPECT_THAT(cache->RefreshAhead(absl::Seconds(15)), IsEmpty());
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(cache->RefreshAhead(absl::Seconds(15)), ElementsAre(Pair(kV2, IsOk())));
  EXPECT_EQ(fake_->fetch_count(kV2), 2u);
  clock_.Advance(absl::Seconds(50));
  EXPECT_TRUE(cache->IsCacheValid(kV2));
  EXPECT_EQ(cache->Statistics().misses, 1u);
}

TEST_F(CachingBackendProbeTest, RefreshAheadFindsChangesBeforeAnyReaderDoes) {
  Options options;
  options.probe = failing_;
  const auto cache = MakeCache(options);
  Invalidations invalidations;
  invalidations.Watch(*cache);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  ASSERT_THAT(cache->Fetch(kLegacy, kAllow), IsOk());
  fake_->Set(kLegacy, DocumentJson({"b"}));
  EXPECT_THAT(cache->RefreshAhead(absl::ZeroDuration()),
              UnorderedElementsAre(Key(kV2), Key(kLegacy)));
  EXPECT_THAT(invalidations.seen(),
              ElementsAre(Pair("image_generation/legacy", StaleCause::kSourceChanged)));
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
  EXPECT_EQ(fake_->fetch_count(kLegacy), 2u);
}

TEST_F(CachingBackendProbeTest, WarmCacheLoadsEveryDocumentAndSaysWhichItCouldNot) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  const DocumentKey clip{"clip", Format::kV2};
  const DocumentKey clip_legacy{"clip", Format::kLegacy};
  fake_->Set(clip, "{");
  EXPECT_THAT(cache->WarmCache(),
              UnorderedElementsAre(Pair(kV2, IsOk()), Pair(kLegacy, IsOk()),
                                   Pair(clip, StatusIs(absl::StatusCode::kDataLoss)),
                                   Pair(clip_legacy, StatusIs(absl::StatusCode::kNotFound))));
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
  EXPECT_TRUE(cache->IsCacheValid(kLegacy));
}

}  // namespace
}  // namespace modelref

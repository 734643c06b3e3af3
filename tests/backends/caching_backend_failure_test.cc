// What a cache does when its source fails: the last good content stays (DESIGN 7, W-D10).

#include "backends/caching_backend.h"
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

using CachingBackendFailureTest = CachingBackendFixture;

constexpr FetchMode kAllow = FetchMode::kAllowCaches;
constexpr FetchMode kBypass = FetchMode::kBypassCaches;
constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

const absl::Status& Unplugged() {
  static const auto* const status = new absl::Status(kUnavailable, "unplugged");
  return *status;
}

TEST_F(CachingBackendFailureTest, AFailedFirstLoadIsTheCallersAndLeavesNothing) {
  const auto cache = MakeCache();
  failing_->FailWith(Unplugged());
  EXPECT_THAT(cache->Fetch(kV2, kAllow), StatusIs(kUnavailable));
  EXPECT_FALSE(cache->HasCachedData(kV2));
  EXPECT_FALSE(cache->NeedsRefresh(kV2));
  failing_->FailWith(absl::OkStatus());
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a"));
}

TEST_F(CachingBackendFailureTest, NotFoundIsNotRememberedAndEveryReadTriesAgain) {
  const auto cache = MakeCache();
  const DocumentKey missing{"clip", Format::kV2};
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(cache->Fetch(missing, kAllow), StatusIs(absl::StatusCode::kNotFound));
  }
  EXPECT_EQ(fake_->fetch_count(missing), 3u);
  EXPECT_FALSE(cache->HasCachedData(missing));
  EXPECT_TRUE(cache->ShouldFetchData(missing));
  fake_->Set(missing, "{}");
  EXPECT_THAT(Names(*cache, missing), IsEmpty());
}

TEST_F(CachingBackendFailureTest, LastGoodIsServedAsStaleWithItsAgeAndTheReason) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  cache->MarkStale(kV2);
  failing_->FailWith(Unplugged());
  clock_.Advance(absl::Seconds(7));
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, cache->FetchWithState(kV2, kAllow));
  EXPECT_THAT(testing::NamesOf(*got.snapshot->document), ElementsAre("a"));
  EXPECT_TRUE(got.stale);
  EXPECT_EQ(got.stale_age, absl::Seconds(7));
  EXPECT_THAT(got.last_error, StatusIs(kUnavailable));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a"));
}

TEST_F(CachingBackendFailureTest, AFreshAnswerSaysThatItIsFresh) {
  const auto cache = MakeCache();
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, cache->FetchWithState(kV2, kAllow));
    EXPECT_FALSE(got.stale);
    EXPECT_EQ(got.stale_age, absl::ZeroDuration());
    EXPECT_THAT(got.last_error, IsOk());
  }
}

TEST_F(CachingBackendFailureTest, ASourceThatComesBackMakesTheDocumentFreshAgain) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  cache->MarkStale(kV2);
  failing_->FailWith(Unplugged());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  failing_->FailWith(absl::OkStatus());
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, cache->FetchWithState(kV2, kAllow));
  EXPECT_FALSE(got.stale);
  EXPECT_THAT(got.last_error, IsOk());
}

TEST_F(CachingBackendFailureTest, LastGoodSurvivesADocumentThatVanishesOrDoesNotParse) {
  const auto cache = MakeCache(ProbeOptions());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  fake_->Set(kV2, "{\"a\":");
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot broken, cache->FetchWithState(kV2, kAllow));
  EXPECT_THAT(broken.last_error, StatusIs(absl::StatusCode::kDataLoss));
  fake_->Remove(kV2);
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot gone, cache->FetchWithState(kV2, kAllow));
  EXPECT_THAT(gone.last_error, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(gone.snapshot, broken.snapshot);
  fake_->Set(kV2, DocumentJson({"healed"}));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("healed"));
}

TEST_F(CachingBackendFailureTest, AFailedRefreshIsAStepToStaleAndNotifiedOnce) {
  const auto cache = MakeCache();
  Invalidations invalidations;
  invalidations.Watch(*cache);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  failing_->FailWith(Unplugged());
  EXPECT_THAT(cache->Fetch(kV2, kBypass), StatusIs(kUnavailable));
  EXPECT_THAT(cache->Fetch(kV2, kBypass), StatusIs(kUnavailable));
  EXPECT_THAT(invalidations.seen(),
              ElementsAre(Pair("image_generation/v2", StaleCause::kRefreshFailed)));
  EXPECT_TRUE(cache->NeedsRefresh(kV2));
}

TEST_F(CachingBackendFailureTest, AForcedReadThatFailsGetsLastGoodOnlyWithItsState) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  failing_->FailWith(Unplugged());
  EXPECT_THAT(cache->Fetch(kV2, kBypass), StatusIs(kUnavailable));
  EXPECT_THAT(FetchAndWait(*cache, kV2, kBypass), StatusIs(kUnavailable));
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, cache->FetchWithState(kV2, kBypass));
  EXPECT_TRUE(got.stale);
  EXPECT_THAT(got.last_error, StatusIs(kUnavailable));
}

TEST_F(CachingBackendFailureTest, WithoutTheOptionAFailureIsAlwaysTheCallers) {
  Options options = TtlOptions();
  options.serve_last_good = false;
  const auto cache = MakeCache(options);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  cache->MarkStale(kV2);
  failing_->FailWith(Unplugged());
  EXPECT_THAT(cache->Fetch(kV2, kAllow), StatusIs(kUnavailable));
  EXPECT_THAT(cache->FetchWithState(kV2, kAllow), StatusIs(kUnavailable));
  EXPECT_TRUE(cache->HasCachedData(kV2));
}

TEST_F(CachingBackendFailureTest, AfterAFailureTheSourceRestsUnlessTheDocumentIsMarked) {
  Options options = TtlOptions();
  options.retry_interval = absl::Seconds(5);
  const auto cache = MakeCache(options);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(61));
  failing_->FailWith(Unplugged());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  failing_->FailWith(absl::OkStatus());
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot resting, cache->FetchWithState(kV2, kAllow));
  EXPECT_TRUE(resting.stale);
  EXPECT_THAT(resting.last_error, StatusIs(kUnavailable));
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
  cache->MarkStale(kV2);
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot marked, cache->FetchWithState(kV2, kAllow));
  EXPECT_FALSE(marked.stale);
}

TEST_F(CachingBackendFailureTest, TheRestEndsByItself) {
  Options options = TtlOptions();
  options.retry_interval = absl::Seconds(5);
  const auto cache = MakeCache(options);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  failing_->FailWith(Unplugged());
  EXPECT_THAT(cache->Fetch(kV2, kBypass), StatusIs(kUnavailable));
  failing_->FailWith(absl::OkStatus());
  clock_.Advance(absl::Seconds(5));
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, cache->FetchWithState(kV2, kAllow));
  EXPECT_FALSE(got.stale);
}

TEST_F(CachingBackendFailureTest, ASourceThatAnswersEmptyDoesNotEmptyTheCategory) {
  Options options = ProbeOptions();
  options.distrust_empty = true;
  const auto cache = MakeCache(options);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  fake_->Set(kV2, "{}");
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, cache->FetchWithState(kV2, kAllow));
  EXPECT_THAT(testing::NamesOf(*got.snapshot->document), ElementsAre("a"));
  EXPECT_TRUE(got.stale);
  EXPECT_THAT(got.last_error, HasReason("DOCUMENT_DAMAGED"));
}

TEST_F(CachingBackendFailureTest, AFirstDocumentMayBeEmpty) {
  Options options = ProbeOptions();
  options.distrust_empty = true;
  const auto cache = MakeCache(options);
  fake_->Set(kV2, "{}");
  EXPECT_THAT(Names(*cache, kV2), IsEmpty());
  EXPECT_TRUE(cache->IsCacheValid(kV2));
}

TEST_F(CachingBackendFailureTest, ADocumentThatLooksCutShortDoesNotReplaceAWholeOne) {
  const auto cache = MakeCache(ProbeOptions());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  fake_->Set(kV2, DocumentJson({"a", "b"}));
  fake_->SetSuspicion(kV2, "the last row has no line end");
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, cache->FetchWithState(kV2, kAllow));
  EXPECT_THAT(testing::NamesOf(*got.snapshot->document), ElementsAre("a"));
  EXPECT_THAT(got.last_error, HasReason("DOCUMENT_DAMAGED"));
  fake_->SetSuspicion(kV2, "");
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a", "b"));
}

TEST_F(CachingBackendFailureTest, StatisticsCountWhatHappened) {
  const auto cache = MakeCache();
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  ASSERT_THAT(cache->Fetch(kV2, kBypass), IsOk());
  failing_->FailWith(Unplugged());
  EXPECT_THAT(cache->Fetch(kLegacy, kAllow), StatusIs(kUnavailable));
  const BackendStatistics statistics = cache->Statistics();
  EXPECT_EQ(statistics.name, "caching");
  EXPECT_EQ(statistics.fetches, 4u);
  EXPECT_EQ(statistics.hits, 1u);
  EXPECT_EQ(statistics.misses, 3u);
  EXPECT_EQ(statistics.refreshes, 1u);
  EXPECT_EQ(statistics.errors, 1u);
  EXPECT_EQ(statistics.cache_size, 1u);
  EXPECT_EQ(statistics.bytes, 2 * DocumentJson({"a"}).size());
}

}  // namespace
}  // namespace modelref

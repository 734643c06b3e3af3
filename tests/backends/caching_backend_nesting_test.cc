// A cache in front of another one, as in front of Redis.

#include "backends/caching_backend.h"
#include "tests/backends/caching_backend_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::DocumentJson;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;

constexpr FetchMode kAllow = FetchMode::kAllowCaches;
constexpr FetchMode kBypass = FetchMode::kBypassCaches;

class CachingBackendNestingTest : public CachingBackendFixture {
 protected:
  CachingBackendNestingTest() {
    Options options = TtlOptions();
    options.serve_last_good = false;
    inner_ = MakeCache(options);
    outer_ = CachingBackend::Make(inner_, TtlOptions(), clock_, executor_);
  }

  std::shared_ptr<CachingBackend> inner_;
  std::shared_ptr<CachingBackend> outer_;
};

TEST_F(CachingBackendNestingTest, CachesNest) {
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("a"));
  fake_->Set(kV2, DocumentJson({"new"}));
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("a"));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr forced, outer_->Fetch(kV2, kBypass));
  EXPECT_THAT(testing::NamesOf(*forced->document), ElementsAre("new"));
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("new"));
  EXPECT_THAT(Names(*inner_, kV2), ElementsAre("new"));
  EXPECT_EQ(fake_->fetch_count(kV2), 2u);
}

TEST_F(CachingBackendNestingTest, TheAsynchronousFormBypassesEveryCacheAsWell) {
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("a"));
  fake_->Set(kV2, DocumentJson({"new"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr forced, FetchAndWait(*outer_, kV2, kBypass));
  EXPECT_THAT(testing::NamesOf(*forced->document), ElementsAre("new"));
  EXPECT_THAT(Names(*inner_, kV2), ElementsAre("new"));
}

TEST_F(CachingBackendNestingTest, AReloadAfterMarkStalePassesTheInnerCache) {
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("a"));
  fake_->Set(kV2, DocumentJson({"new"}));
  outer_->MarkStale(kV2);
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("new"));
  EXPECT_THAT(Names(*inner_, kV2), ElementsAre("new"));
}

TEST_F(CachingBackendNestingTest, AnExpiredOuterDocumentComesFromTheInnerCache) {
  inner_->SetTtl(absl::InfiniteDuration());
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("a"));
  clock_.Advance(absl::Seconds(61));
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("a"));
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
}

TEST_F(CachingBackendNestingTest, TheOuterCacheNeverTakesLastGoodForFresh) {
  EXPECT_THAT(Names(*outer_, kV2), ElementsAre("a"));
  clock_.Advance(absl::Seconds(61));
  failing_->FailWith(absl::UnavailableError("unplugged"));
  ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, outer_->FetchWithState(kV2, kAllow));
  EXPECT_TRUE(got.stale);
  EXPECT_THAT(got.last_error, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(outer_->IsCacheValid(kV2));
}

}  // namespace
}  // namespace modelref

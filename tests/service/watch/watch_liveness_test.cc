// What a session says when nothing changes: freshness, bookmarks, and how it ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/service/watch/validators.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/fake_clock.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckAll;
using ::modelref::testing::DigestAt;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::PlanFor;
using ::modelref::testing::Put;
using ::modelref::testing::SessionReader;
using ::modelref::testing::WatchWorld;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WatchPlan::Start kNow = WatchPlan::Start::kNow;
constexpr WatchPlan::Start kSnapshot = WatchPlan::Start::kSnapshot;

class WatchLivenessTest : public ::testing::Test {
 protected:
  absl::Time Now() { return clock_.TimeNow(); }
  SessionReader Open(WatchPlan::Start start, const WatchSession::Options& options = {}) {
    return SessionReader(world_.hub(), PlanFor(start, {kClip, kImages}), Now(), options);
  }
  void MarkStale(const DocumentKey& key, const std::string& detail) {
    world_.store().SetFreshness(key, FreshnessCause::kRefreshFailed, detail);
  }
  void ExpectValid(const SessionReader& reader) {
    EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
  }

  FakeClock clock_;
  WatchWorld world_{{kClip, kImages, kLegacyClip}, clock_, {}};
};

TEST_F(WatchLivenessTest, OnlyStaleDocumentsAreToldAfterCreated) {
  MarkStale(kClip, "gone");
  MarkStale(kLegacyClip, "not watched");
  const absl::Time since = Now();
  clock_.Advance(absl::Minutes(1));
  SessionReader reader = Open(kNow);
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(2));
  const v1::Freshness& freshness = messages[1].freshness();
  EXPECT_EQ(freshness.category(), "clip");
  EXPECT_EQ(freshness.format(), v1::FORMAT_V2);
  EXPECT_TRUE(freshness.stale());
  EXPECT_EQ(freshness.cause(), v1::STALE_CAUSE_REFRESH_FAILED);
  EXPECT_EQ(freshness.detail(), "gone");
  EXPECT_EQ(freshness.since().seconds(), absl::ToUnixSeconds(since));
  EXPECT_THAT(messages[1].resume_token(), IsEmpty());
}

TEST_F(WatchLivenessTest, StaleDocumentsAreToldAfterTheSnapshot) {
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  MarkStale(kImages, "gone");
  SessionReader reader = Open(kSnapshot);
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(5));
  EXPECT_TRUE(messages[3].has_snapshot_end());
  EXPECT_EQ(messages[4].freshness().category(), "image_generation");
  EXPECT_EQ(messages[4].header().revision(), 1u);
  ExpectValid(reader);
}

TEST_F(WatchLivenessTest, OnlyTheNewestFreshnessOfADocumentIsTold) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  MarkStale(kClip, "first");
  MarkStale(kImages, "other");
  MarkStale(kClip, "second");
  world_.store().SetFreshness(kImages, FreshnessCause::kNone, "");
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].freshness().detail(), "second");
  EXPECT_EQ(messages[1].freshness().category(), "image_generation");
  EXPECT_FALSE(messages[1].freshness().stale());
  EXPECT_FALSE(messages[1].freshness().has_since());
  EXPECT_EQ(messages[1].freshness().cause(), v1::STALE_CAUSE_UNSPECIFIED);
  EXPECT_THAT(reader.ReadAll(Now()), IsEmpty());
}

TEST_F(WatchLivenessTest, FreshnessThatWasToldAtTheStartIsNotToldAgain) {
  MarkStale(kClip, "gone");
  SessionReader reader = Open(kNow);
  EXPECT_THAT(reader.ReadAll(Now()), SizeIs(2));
  MarkStale(kLegacyClip, "not watched");
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_TRUE(messages[0].has_events());
}

TEST_F(WatchLivenessTest, FreshnessComesBetweenCutsAtTheRevisionOfTheLast) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  MarkStale(kImages, "gone");
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  auto message = reader.Read(Now());
  ASSERT_TRUE(message && message->has_events());
  world_.Commit(Edit(kClip, {Put("a", "2")}));
  message = reader.Read(Now());
  ASSERT_TRUE(message && message->has_events()) << "content goes first";
  message = reader.Read(Now());
  ASSERT_TRUE(message && message->has_freshness());
  EXPECT_EQ(message->header().revision(), 2u);
  ExpectValid(reader);
}

TEST_F(WatchLivenessTest, TheDetailIsAtMost512Bytes) {
  MarkStale(kClip, std::string(2000, 'd'));
  SessionReader reader = Open(kNow);
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[1].freshness().detail().size(), 512u);
}

TEST_F(WatchLivenessTest, ADetailIsNotCutInsideACharacter) {
  // 511 bytes and then characters of two: a cut at 512 would not be UTF-8, which no client parses.
  std::string detail(511, 'd');
  for (int i = 0; i < 10; ++i) detail += "\xC3\xA9";
  MarkStale(kClip, detail);
  SessionReader reader = Open(kNow);
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[1].freshness().detail(), std::string(511, 'd'));
}

TEST_F(WatchLivenessTest, ABookmarkComesWithinTenPercentOfTheInterval) {
  SessionReader reader = Open(kNow);
  for (int i = 0; i < 50; ++i) {
    reader.ReadAll(Now());
    const absl::Duration wait = reader.idle_until() - Now();
    EXPECT_GE(wait, absl::Seconds(18));
    EXPECT_LE(wait, absl::Seconds(22));
    clock_.Advance(wait - absl::Milliseconds(1));
    EXPECT_FALSE(reader.Read(Now()));
    clock_.Advance(absl::Milliseconds(1));
    const auto message = reader.Read(Now());
    ASSERT_TRUE(message && message->has_bookmark());
  }
  ExpectValid(reader);
}

TEST_F(WatchLivenessTest, BookmarksOfOneStreamVary) {
  SessionReader reader = Open(kNow);
  std::set<absl::Duration> waits;
  for (int i = 0; i < 10; ++i) {
    reader.ReadAll(Now());
    waits.insert(reader.idle_until() - Now());
    clock_.Advance(absl::Seconds(22));
  }
  EXPECT_GT(waits.size(), 5u);
}

TEST_F(WatchLivenessTest, ABookmarkHasTheDigestOfWhatIsWatched) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  reader.ReadAll(Now());
  world_.Commit(Edit(kLegacyClip, {Put("b", "1")}));
  clock_.Advance(absl::Seconds(23));
  const auto message = reader.Read(Now());
  ASSERT_TRUE(message && message->has_bookmark());
  EXPECT_EQ(message->header().revision(), 2u) << "also past commits of other documents";
  EXPECT_EQ(message->bookmark().digest(), DigestAt(*world_.log.At(2), {kClip, kImages}));
  ExpectValid(reader);
}

TEST_F(WatchLivenessTest, ABookmarkDoesNotOvertakeEvents) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  clock_.Advance(absl::Seconds(30));
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  auto message = reader.Read(Now());
  ASSERT_TRUE(message && message->has_events());
  EXPECT_FALSE(reader.Read(Now())) << "the events were a sign of life";
  ExpectValid(reader);
}

TEST_F(WatchLivenessTest, DrainIsFollowedByTheEnd) {
  WatchSession::Options options;
  options.reconnect_window = absl::Seconds(9);
  SessionReader reader = Open(kNow, options);
  reader.ReadAll(Now());
  const auto message = reader.Read(Now(), v1::DRAIN_REASON_SHUTDOWN);
  ASSERT_TRUE(message && message->has_drain());
  EXPECT_EQ(message->drain().reason(), v1::DRAIN_REASON_SHUTDOWN);
  EXPECT_EQ(message->drain().reconnect_after_max().seconds(), 9);
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  EXPECT_FALSE(reader.Read(Now()));
  EXPECT_TRUE(reader.finished());
  EXPECT_FALSE(reader.Read(Now(), v1::DRAIN_REASON_SHUTDOWN));
  EXPECT_TRUE(reader.finished());
}

TEST_F(WatchLivenessTest, ADrainLetsTheOpeningFinishFirst) {
  SessionReader reader = Open(kSnapshot);
  std::vector<v1::WatchResponse> messages;
  while (auto message = reader.Read(Now(), v1::DRAIN_REASON_SHUTDOWN)) messages.push_back(*message);
  ASSERT_THAT(messages, SizeIs(5));
  EXPECT_TRUE(messages[0].has_created());
  EXPECT_TRUE(messages[3].has_snapshot_end());
  EXPECT_TRUE(messages[4].has_drain());
  EXPECT_TRUE(reader.finished());
}

TEST_F(WatchLivenessTest, ADrainDoesNotClaimWhatWasNotTold) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  const auto message = reader.Read(Now(), v1::DRAIN_REASON_SHUTDOWN);
  ASSERT_TRUE(message && message->has_drain());
  EXPECT_EQ(message->header().revision(), 0u);
  ExpectValid(reader);
}

TEST_F(WatchLivenessTest, AStreamEndsAtItsGreatestAge) {
  WatchSession::Options options;
  options.max_age = absl::Seconds(30);
  SessionReader reader = Open(kNow, options);
  const auto opening = reader.ReadAll(Now());
  EXPECT_EQ(opening.front().created().max_age().seconds(), 30);
  clock_.Advance(absl::Seconds(22));
  ASSERT_TRUE(reader.Read(Now()));
  EXPECT_FALSE(reader.Read(Now()));
  EXPECT_EQ(reader.idle_until(), Now() + absl::Seconds(8)) << "before the next bookmark";
  clock_.Advance(absl::Seconds(8));
  const auto message = reader.Read(Now());
  ASSERT_TRUE(message && message->has_drain());
  EXPECT_EQ(message->drain().reason(), v1::DRAIN_REASON_MAX_AGE);
  EXPECT_FALSE(reader.Read(Now()));
  EXPECT_TRUE(reader.finished());
}

}  // namespace
}  // namespace modelref

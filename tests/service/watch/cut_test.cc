#include "service/watch/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/watch/wire.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/fake_clock.h"

namespace modelref {
namespace {

using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::PlanFor;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::Remove;
using ::modelref::testing::WatchWorld;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class CutTest : public ::testing::Test {
 protected:
  std::vector<CommittedTransactionPtr> Due(uint64_t after = 0) {
    return *world_.store().History(after, world_.store().root()->revision);
  }
  size_t Length(const WatchedSet& watched, bool inline_delta) {
    return CutLength(watched, Due(), {inline_delta, 64 << 10});
  }
  void Touch(const DocumentKey& key, const std::string& name) {
    world_.Commit(Edit(key, {Put(name, absl::StrCat(++value_))}));
  }

  const WatchedSet clip_ = PlanFor(WatchPlan::Start::kNow, {kClip}).watched;
  FakeClock clock_;
  WatchWorld world_{{kClip, kImages}, clock_, {}};
  int value_ = 0;
};

TEST_F(CutTest, ACutEndsAfterTheFirstTransactionThatTouchesWhatIsWatched) {
  EXPECT_EQ(Length(clip_, false), 0u);
  Touch(kImages, "a");
  Touch(kImages, "a");
  EXPECT_EQ(Length(clip_, false), 2u) << "none touches: all of them";
  Touch(kClip, "a");
  Touch(kClip, "b");
  Touch(kImages, "a");
  EXPECT_EQ(Length(clip_, false), 3u);
}

TEST_F(CutTest, ReadersAreAskedToSpreadWhatTheyFetch) {
  Touch(kClip, "a");
  const Root& root = *world_.store().root();
  const CutRange range{0, Due(), 1};
  const double size = static_cast<double>(root.Find(kClip)->document->size_bytes());
  const auto jitter = [&](bool inline_delta, double seconds) {
    const CutOptions options{inline_delta, 64 << 10, seconds / size};
    const auto events = MakeEvents(root, clip_, range, options);
    EXPECT_THAT(events, SizeIs(1));
    return events[0].has_fetch_jitter() ? FromProto(events[0].fetch_jitter())
                                        : absl::ZeroDuration();
  };
  EXPECT_EQ(jitter(false, 0), absl::ZeroDuration());
  EXPECT_EQ(jitter(false, 0.009), absl::ZeroDuration());
  EXPECT_NEAR(absl::ToDoubleSeconds(jitter(false, 80)), 80, 0.001);
  EXPECT_EQ(jitter(false, 1e9), kMostFetchJitter);
  EXPECT_EQ(jitter(true, 80), absl::ZeroDuration()) << "nothing is to be fetched";
}

TEST_F(CutTest, ManyTransactionsAreOneCut) {
  for (size_t i = 0; i < kMaxReplayedTransactions; ++i) Touch(kClip, absl::StrCat(i));
  EXPECT_EQ(Length(clip_, false), 1u);
  Touch(kClip, "one more");
  EXPECT_EQ(Length(clip_, false), kMaxReplayedTransactions + 1);
}

TEST_F(CutTest, TransactionsOfManyStepsAreOneCut) {
  for (int i = 0; i < 9; ++i) {
    world_.Commit(Edit(kClip, PutMany(1000, absl::StrCat(i))));
  }
  EXPECT_EQ(Length(clip_, false), 9u);
}

TEST_F(CutTest, ACutWithRecordsGoesOnWhileTheyChangeAgain) {
  Touch(kClip, "a");
  Touch(kClip, "b");
  Touch(kClip, "a");
  Touch(kClip, "c");
  EXPECT_EQ(Length(clip_, false), 1u);
  EXPECT_EQ(Length(clip_, true), 3u) << "what a was at first is not known any more";
  Touch(kClip, "b");
  EXPECT_EQ(Length(clip_, true), 5u) << "b lies within the cut and changes again too";
}

TEST_F(CutTest, ACutWithRecordsTakesInALaterTransactionThatDoesNotListItsSteps) {
  Touch(kClip, "a");
  Touch(kClip, "b");
  world_.Commit(Edit(kClip, PutMany(1025, "1")));
  Touch(kClip, "c");
  EXPECT_EQ(Length(clip_, false), 1u);
  EXPECT_EQ(Length(clip_, true), 3u) << "a may be one of its records";
}

TEST_F(CutTest, AnEventOfAnOlderStateHasItsEtagAndTime) {
  Touch(kClip, "a");
  const Etag etag = world_.store().root()->Find(kClip)->document->etag();
  const absl::Time time = clock_.TimeNow();
  clock_.Advance(absl::Seconds(5));
  Touch(kClip, "a");
  const auto events = MakeEvents(*world_.store().root(), clip_, {0, Due(), 1}, {});
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].mod_revision(), 1u);
  EXPECT_EQ(events[0].etag(), AsBytes(etag));
  EXPECT_EQ(events[0].commit_time().seconds(), absl::ToUnixSeconds(time));
  EXPECT_EQ(events[0].size_bytes(), 0u);
}

TEST_F(CutTest, EventsAreInTheOrderOfTheirRevisions) {
  Touch(kImages, "a");
  Touch(kClip, "a");
  const WatchedSet both = PlanFor(WatchPlan::Start::kNow, {kClip, kImages}).watched;
  const auto events = MakeEvents(*world_.store().root(), both, {0, Due(), 2}, {});
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].category(), "image_generation");
  EXPECT_EQ(events[1].category(), "clip");
}

TEST_F(CutTest, WithoutHistoryOnlyTheStateIsTold) {
  Touch(kClip, "a");
  Touch(kClip, "b");
  const auto events = MakeEvents(*world_.store().root(), clip_, {1, std::nullopt, 0}, {true, 1000});
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].mod_revision(), 2u);
  EXPECT_FALSE(events[0].has_prev_mod_revision());
  EXPECT_EQ(events[0].coalesced(), 0u);
  EXPECT_TRUE(events[0].keys_truncated());
  EXPECT_FALSE(events[0].has_delta());
}

TEST_F(CutTest, NamesBeyondAMegabyteAreLeftOutLargestFirst) {
  std::vector<DocumentKey> keys;
  for (int i = 0; i < 12; ++i) keys.push_back({absl::StrCat("category", i), Format::kV2});
  WatchWorld world(keys, clock_, {});
  std::vector<DocumentEdit> edits;
  for (size_t k = 0; k < keys.size(); ++k) {
    std::vector<RecordChange> changes;
    for (int i = 0; i < 256; ++i) {
      changes.push_back(Put(absl::StrCat(std::string(400 + 5 * k, 'n'), i), "1"));
    }
    edits.push_back(Edit(keys[k], std::move(changes)));
  }
  world.CommitAll(std::move(edits));
  const WatchedSet watched = PlanFor(WatchPlan::Start::kNow, {keys.begin(), keys.end()}).watched;
  const auto root = world.store().root();
  const auto events =
      MakeEvents(*root, watched, {0, *world.store().History(0, root->revision), 1}, {});
  ASSERT_THAT(events, SizeIs(12));
  size_t bytes = 0;
  for (const v1::WatchEvent& event : events) {
    bytes += event.ByteSizeLong();
    const bool largest = event.category() == "category11" || event.category() == "category10";
    EXPECT_EQ(event.keys_truncated(), event.changed_models().empty());
    EXPECT_TRUE(!largest || event.keys_truncated()) << event.category();
  }
  EXPECT_FALSE(events[0].keys_truncated());
  EXPECT_LE(bytes, kMaxNameBytes + 12 * 256);
}

TEST_F(CutTest, ADigestIsOfTheWatchedDocumentsOnly) {
  Touch(kClip, "a");
  const std::string before = WatchedDigest(*world_.store().root(), clip_);
  Touch(kImages, "a");
  EXPECT_EQ(WatchedDigest(*world_.store().root(), clip_), before);
  Touch(kClip, "a");
  EXPECT_NE(WatchedDigest(*world_.store().root(), clip_), before);
}

TEST_F(CutTest, ASnapshotEntryIsTheStateWithoutWhatWasBefore) {
  Touch(kClip, "a");
  const v1::WatchEvent entry = SnapshotEntry(*world_.store().root()->Find(kClip));
  EXPECT_EQ(entry.mod_revision(), 1u);
  EXPECT_EQ(entry.model_count(), 1u);
  EXPECT_FALSE(entry.has_prev_mod_revision());
}

TEST_F(CutTest, OnlyTheLastMessageOfACutHasItsHeaderAndToken) {
  Touch(kClip, "a");
  std::vector<v1::WatchEvent> events(3, SnapshotEntry(*world_.store().root()->Find(kClip)));
  for (v1::WatchEvent& event : events) event.add_changed_models(std::string(150 << 10, 'n'));
  EventFrame frame;
  frame.part_header.set_revision(1);
  frame.cut_header.set_revision(2);
  frame.resume_token = "token";
  std::vector<std::string> told;
  for (const EncodedMessage& message : EncodeEvents(events, frame)) {
    const v1::WatchResponse response = testing::Decode(message);
    told.push_back(absl::StrCat(response.header().revision(), response.resume_token(),
                                response.events().more() ? "…" : "."));
  }
  EXPECT_THAT(told, ElementsAre("1…", "1…", "2token."));
  frame.all_parts = true;
  EXPECT_EQ(testing::Decode(EncodeEvents(events, frame).back()).resume_token(), "");
}

}  // namespace
}  // namespace modelref

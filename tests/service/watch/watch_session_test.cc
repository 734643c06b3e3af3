#include "service/watch/watch_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/watch/wire.h"
#include "tests/service/watch/client_model.h"
#include "tests/service/watch/validators.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckAll;
using ::modelref::testing::CheckOneCutPerTransaction;
using ::modelref::testing::ClientModel;
using ::modelref::testing::DigestAt;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::PlanFor;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::Remove;
using ::modelref::testing::SessionReader;
using ::modelref::testing::WatchWorld;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WatchPlan::Start kNow = WatchPlan::Start::kNow;
constexpr WatchPlan::Start kSnapshot = WatchPlan::Start::kSnapshot;

std::string Bytes(const Etag& etag) { return std::string(etag.begin(), etag.end()); }

class WatchCursorTest : public ::testing::Test {
 protected:
  explicit WatchCursorTest(const Store::Options& options = {})
      : world_({kClip, kImages, kLegacyClip}, clock_, options) {}

  absl::Time Now() { return clock_.TimeNow(); }
  SessionReader Open(const WatchPlan& plan, const WatchSession::Options& options = {}) {
    return SessionReader(world_.hub(), plan, Now(), options);
  }
  SessionReader Open(WatchPlan::Start start) { return Open(PlanFor(start, {kClip, kImages})); }
  // A session of clip with deltas, already open.
  SessionReader OpenInline(size_t max_inline_bytes = 64 << 10) {
    WatchPlan plan = PlanFor(kNow, {kClip});
    plan.inline_delta = true;
    plan.max_inline_bytes = max_inline_bytes;
    SessionReader reader = Open(plan);
    EXPECT_THAT(reader.ReadAll(Now()), SizeIs(1));
    return reader;
  }
  Etag EtagOf(const DocumentKey& key) { return world_.store().root()->Find(key)->document->etag(); }
  void ExpectValid(const SessionReader& reader) {
    EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
  }
  // What a client finds that held the log's state at Created and followed all messages.
  void ExpectClientAgrees(const SessionReader& reader, size_t deltas) {
    ClientModel client(world_.log, reader.trace().watched);
    for (const v1::WatchResponse& message : reader.trace().messages) {
      EXPECT_THAT(client.Apply(message), IsEmpty());
    }
    EXPECT_THAT(client.Compare(), IsEmpty());
    EXPECT_EQ(client.deltas(), deltas);
  }

  FakeClock clock_;
  WatchWorld world_;
};

TEST_F(WatchCursorTest, CreatedIsFirstAndSaysWhatWasGranted) {
  world_.Commit(Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  WatchPlan plan = PlanFor(kNow, {kClip});
  plan.watched.absent = {"no_such"};
  plan.progress_interval = absl::Seconds(7);
  SessionReader reader = Open(plan);
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(1));
  const v1::WatchResponse& message = messages.front();
  ASSERT_TRUE(message.has_created());
  EXPECT_EQ(message.header().revision(), 2u);
  EXPECT_EQ(message.header().node_id(), "node-1");
  EXPECT_EQ(message.header().epoch().size(), 16u);
  EXPECT_EQ(message.created().position().revision(), 2u);
  EXPECT_EQ(message.created().position().epoch(), message.header().epoch());
  EXPECT_EQ(message.created().position().chain().size(), 8u);
  EXPECT_EQ(message.created().resume(), v1::RESUME_KIND_UNSPECIFIED);
  EXPECT_EQ(message.created().progress_interval().seconds(), 7);
  EXPECT_EQ(message.created().max_inline_bytes(), 65536u);
  EXPECT_EQ(message.created().max_age().seconds(), 25 * 60);
  EXPECT_THAT(message.created().absent(), ElementsAre("no_such"));
}

TEST_F(WatchCursorTest, AStartAtThePresentTellsOnlyLaterChanges) {
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  SessionReader reader = Open(kNow);
  EXPECT_THAT(reader.ReadAll(Now()), SizeIs(1));
  world_.Commit(Edit(kImages, {Put("x", "1")}));
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(1));
  ASSERT_THAT(messages.front().events().events(), SizeIs(1));
  EXPECT_EQ(messages.front().events().events(0).category(), "image_generation");
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, TheMoreReadersThereAreTheLongerTheySpreadTheirReads) {
  WatchHub slow(world_.store(), world_.positions(), "node-1", 1);  // One byte a second.
  const WatchPlan plan = PlanFor(kNow, {kClip});
  SessionReader one(slow, plan, Now());
  one.ReadAll(Now());
  const auto jitter = [&] {
    const auto messages = one.ReadAll(Now());
    return absl::ToDoubleSeconds(FromProto(messages.back().events().events(0).fetch_jitter()));
  };
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  const double size =
      static_cast<double>(world_.store().root()->Find(kClip)->document->size_bytes());
  ASSERT_LT(size * 3, 120);
  EXPECT_NEAR(jitter(), size, 0.001);
  const SessionReader two(slow, plan, Now());
  const SessionReader three(slow, plan, Now());
  world_.Commit(Edit(kClip, {Put("a", "2")}));
  EXPECT_NEAR(jitter(), 3 * size, 0.001);
}

TEST_F(WatchCursorTest, ASnapshotListsEveryDocumentAndEndsWithTheDigest) {
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  SessionReader reader = Open(kSnapshot);
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(4));
  EXPECT_EQ(messages[1].snapshot_begin().reason(), v1::SNAPSHOT_REASON_INITIAL);
  EXPECT_EQ(messages[1].snapshot_begin().document_count(), 2u);
  EXPECT_THAT(messages[2].events().events(), SizeIs(2));
  EXPECT_EQ(messages[3].snapshot_end().digest(), DigestAt(*world_.log.At(1), {kClip, kImages}));
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, KnownDocumentsAreMarkedUnchangedInsteadOfSent) {
  world_.Commit(Edit(kClip, {Put("a", "1")}), Edit(kImages, {Put("x", "1")}));
  WatchPlan plan = PlanFor(kSnapshot, {kClip, kImages});
  plan.known = {{kClip, EtagOf(kImages)},        // Outdated.
                {kLegacyClip, Sha256("")},       // Current, but not asked for.
                {{"no_such", Format::kV2}, {}},  // Unknown.
                {kImages, EtagOf(kImages)}};
  plan.known.resize(8, {kClip, Etag{}});
  plan.known.push_back({kImages, EtagOf(kImages)});
  SessionReader reader = Open(plan);
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(4));
  ASSERT_THAT(messages[2].events().events(), SizeIs(1));
  EXPECT_EQ(messages[2].events().events(0).category(), "clip");
  EXPECT_EQ(messages[3].snapshot_end().unchanged(), std::string("\x08\x01"));
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, ASnapshotOfKnownDocumentsSendsNoEntries) {
  WatchPlan plan = PlanFor(kSnapshot, {kClip});
  plan.known = {{kClip, Sha256("")}};
  SessionReader reader = Open(plan);
  EXPECT_THAT(reader.ReadAll(Now()), SizeIs(3));
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, ACommitDuringTheSnapshotFollowsIt) {
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  SessionReader reader = Open(kSnapshot);
  ASSERT_TRUE(reader.Read(Now()));
  world_.Commit(Edit(kClip, {Put("a", "2")}));
  const auto rest = reader.ReadAll(Now());
  ASSERT_THAT(rest, SizeIs(4));
  EXPECT_EQ(rest[2].header().revision(), 1u);
  EXPECT_EQ(rest[3].header().revision(), 2u);
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, AKeptUpReaderGetsEachTransactionOnItsOwn) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  for (int i = 0; i < 3; ++i) {
    world_.Commit(Edit(kClip, {Put("a", absl::StrCat(i))}), Edit(kImages, {Put("x", "1")}));
    const auto messages = reader.ReadAll(Now());
    ASSERT_THAT(messages, SizeIs(1));
    EXPECT_EQ(messages.front().header().revision(), world_.log.head());
    EXPECT_EQ(messages.front().events().events(0).coalesced(), 1u);
    EXPECT_FALSE(messages.front().events().more());
  }
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, AnEventIsTheStateOfItsDocument) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  world_.Commit(Edit(kClip, {Put("b", "1"), Put("a", "1")}));
  const v1::WatchEvent event = reader.ReadAll(Now()).front().events().events(0);
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_INVALIDATED);
  EXPECT_EQ(event.format(), v1::FORMAT_V2);
  EXPECT_EQ(event.mod_revision(), 2u);
  EXPECT_EQ(event.etag(), Bytes(EtagOf(kClip)));
  EXPECT_EQ(event.size_bytes(), world_.store().root()->Find(kClip)->document->ToJson().size());
  EXPECT_EQ(event.model_count(), 2u);
  EXPECT_THAT(event.changed_models(), ElementsAre("a", "b"));
  EXPECT_FALSE(event.keys_truncated());
  EXPECT_FALSE(event.has_delta());
  EXPECT_EQ(event.commit_time().seconds(), absl::ToUnixSeconds(Now()));
}

TEST_F(WatchCursorTest, AReaderThatIsALittleBehindGetsEachTransactionOnItsOwn) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  for (int i = 0; i < 20; ++i) {
    world_.Commit(Edit(i % 3 == 0 ? kImages : kClip, {Put("a", absl::StrCat(i))}));
  }
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(20));
  EXPECT_EQ(messages[4].header().revision(), 5u);
  EXPECT_EQ(messages[4].events().events(0).size_bytes(), 0u) << "of an older state";
  EXPECT_GT(messages[19].events().events(0).size_bytes(), 0u);
  EXPECT_THAT(CheckOneCutPerTransaction(reader.trace(), world_.log), IsEmpty());
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, AReaderThatIsFarBehindGetsOneFoldedEventPerDocument) {
  world_.Commit(Edit(kClip, {Put("old", "1")}));
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  world_.Commit(Edit(kImages, {Put("x", "1")}));
  for (size_t i = 0; i < kMaxReplayedTransactions; ++i) {
    world_.Commit(Edit(kLegacyClip, {Put("a", absl::StrCat(i))}));
  }
  const uint64_t last = world_.Commit(Edit(kClip, {Put("b", "1"), Remove("old")}));
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages.front().header().revision(), last);
  ASSERT_THAT(messages.front().events().events(), SizeIs(2));
  EXPECT_EQ(messages.front().events().events(0).category(), "image_generation");
  const v1::WatchEvent& clip = messages.front().events().events(1);
  EXPECT_EQ(clip.coalesced(), 2u);
  EXPECT_EQ(clip.prev_mod_revision(), 1u);
  EXPECT_THAT(clip.changed_models(), ElementsAre("a", "b", "old"));
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, EachEventNamesTheOneBefore) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  uint64_t before = 0;
  for (int i = 0; i < 4; ++i) {
    world_.Commit(Edit(kClip, {Put("a", absl::StrCat(i))}));
    world_.Commit(Edit(kImages, {Put("a", absl::StrCat(i))}));
    const auto messages = reader.ReadAll(Now());
    ASSERT_THAT(messages, SizeIs(2));
    const v1::WatchEvent& event = messages.front().events().events(0);
    EXPECT_EQ(event.category(), "clip");
    ASSERT_TRUE(event.has_prev_mod_revision());
    EXPECT_EQ(event.prev_mod_revision(), before);
    before = event.mod_revision();
  }
  EXPECT_EQ(before, 7u);
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, CommitsOfOtherDocumentsAreNotTold) {
  SessionReader reader = Open(PlanFor(kNow, {kClip}));
  reader.ReadAll(Now());
  world_.Commit(Edit(kLegacyClip, {Put("a", "1")}), Edit(kImages, {Put("a", "1")}));
  EXPECT_THAT(reader.ReadAll(Now()), IsEmpty());
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(reader.ReadAll(Now()), SizeIs(1));
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, AtMost256ChangedModelsAreNamed) {
  SessionReader reader = Open(kNow);
  reader.ReadAll(Now());
  world_.Commit(Edit(kClip, PutMany(256, "1")), Edit(kImages, PutMany(257, "1")));
  const auto events = reader.ReadAll(Now()).front().events().events();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_THAT(events[0].changed_models(), SizeIs(256));
  EXPECT_FALSE(events[0].keys_truncated());
  EXPECT_THAT(events[1].changed_models(), SizeIs(256));
  EXPECT_TRUE(events[1].keys_truncated());
  ExpectValid(reader);
}

TEST_F(WatchCursorTest, ATransactionOfMoreThan1024StepsNamesNoModels) {
  WatchPlan plan = PlanFor(kNow, {kClip});
  plan.inline_delta = true;
  SessionReader reader = Open(plan);
  reader.ReadAll(Now());
  world_.Commit(Edit(kClip, PutMany(1025, "1")));
  const v1::WatchEvent event = reader.ReadAll(Now()).front().events().events(0);
  EXPECT_TRUE(event.keys_truncated());
  EXPECT_THAT(event.changed_models(), IsEmpty());
  EXPECT_FALSE(event.has_delta());
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_INVALIDATED);
}

TEST_F(WatchCursorTest, ADeltaLeadsToTheNewDocument) {
  world_.Commit(Edit(kClip, {Put("a", "1"), Put("b", "1"), Put("c", "1")}));
  SessionReader reader = OpenInline();
  const Etag before = EtagOf(kClip);
  world_.Commit(Edit(kClip, {Put("e", "1"), Put("b", "2"), Remove("a"), Put("d", "1")}));
  const v1::WatchEvent event = reader.ReadAll(Now()).front().events().events(0);
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_UPSERT);
  EXPECT_EQ(event.prev_etag(), Bytes(before));
  EXPECT_THAT(event.delta().deletes(), ElementsAre("a"));
  std::vector<std::string> upserts;
  for (const v1::DeltaRecord& record : event.delta().upserts()) upserts.push_back(record.name());
  EXPECT_THAT(upserts, ElementsAre("b", "e", "d")) << "creates in the order they were made";
  ExpectClientAgrees(reader, 1);
}

TEST_F(WatchCursorTest, ARecordThatWasDeletedAndMadeAgainMovesToTheEnd) {
  world_.Commit(Edit(kClip, {Put("a", "1"), Put("b", "1"), Put("c", "1")}));
  SessionReader reader = OpenInline();
  world_.Commit(Edit(kClip, {Remove("a")}));
  world_.Commit(Edit(kClip, {Put("d", "1"), Put("a", "1")}));
  const v1::WatchEvent event = reader.ReadAll(Now()).front().events().events(0);
  EXPECT_EQ(event.coalesced(), 2u);
  EXPECT_THAT(event.delta().deletes(), ElementsAre("a"));
  EXPECT_THAT(event.delta().upserts(), SizeIs(2));
  EXPECT_THAT(testing::NamesOf(*world_.store().root()->Find(kClip)->document),
              ElementsAre("b", "c", "d", "a"));
  ExpectClientAgrees(reader, 1);
}

TEST_F(WatchCursorTest, ARecordThatCameAndWentIsNotInTheDelta) {
  SessionReader reader = OpenInline();
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  world_.Commit(Edit(kClip, {Remove("a"), Put("b", "1")}));
  world_.Commit(Edit(kClip, {Put("c", "1"), Remove("b"), Put("b", "2")}));
  const v1::WatchEvent event = reader.ReadAll(Now()).front().events().events(0);
  EXPECT_THAT(event.delta().deletes(), IsEmpty());
  EXPECT_THAT(event.delta().upserts(), SizeIs(2));
  ExpectClientAgrees(reader, 1);
}

TEST_F(WatchCursorTest, ADeltaLargerThanTheClientAsksForIsLeftOut) {
  SessionReader small = OpenInline(19);
  SessionReader exact = OpenInline(20);
  const RecordChange change = Put("a", "0123456789a");
  ASSERT_EQ(change.name.size() + change.after->json.size(), 20u);
  world_.Commit(Edit(kClip, {change}));
  const v1::WatchEvent left_out = small.ReadAll(Now()).front().events().events(0);
  EXPECT_EQ(left_out.type(), v1::EVENT_TYPE_INVALIDATED);
  EXPECT_FALSE(left_out.has_delta());
  EXPECT_THAT(left_out.prev_etag(), IsEmpty());
  EXPECT_THAT(left_out.changed_models(), ElementsAre("a"));
  EXPECT_TRUE(exact.ReadAll(Now()).front().events().events(0).has_delta());
  ExpectClientAgrees(small, 0);
  ExpectClientAgrees(exact, 1);
}

TEST_F(WatchCursorTest, TheLargestDeltasAreDroppedFirstFromAMessageThatIsTooLarge) {
  WatchPlan plan = PlanFor(kNow, {kClip, kImages});
  plan.inline_delta = true;
  plan.max_inline_bytes = 512 << 10;
  SessionReader reader = Open(plan);
  reader.ReadAll(Now());
  world_.Commit(Edit(kClip, {Put("a", std::string(200 << 10, 'x'))}),
                Edit(kImages, {Put("a", std::string(100 << 10, 'x'))}));
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_LE(reader.size_bytes(), kMaxMessageBytes);
  EXPECT_EQ(messages[0].events().events(0).type(), v1::EVENT_TYPE_INVALIDATED);
  EXPECT_EQ(messages[0].events().events(1).type(), v1::EVENT_TYPE_UPSERT);
  ExpectValid(reader);
  ExpectClientAgrees(reader, 1);
}

TEST_F(WatchCursorTest, ACutThatNeedsPartsIsAtThePreviousCutUntilTheLast) {
  std::vector<DocumentKey> keys;
  for (int i = 0; i < 4; ++i) keys.push_back({absl::StrCat("category", i), Format::kV2});
  WatchWorld world(keys, clock_, {});
  world.Commit(Edit(keys[0], {Put("first", "1")}));
  SessionReader reader(world.hub(), PlanFor(kNow, {keys.begin(), keys.end()}), Now());
  reader.ReadAll(Now());
  std::vector<DocumentEdit> edits;
  for (const DocumentKey& key : keys) {
    std::vector<RecordChange> changes;
    for (int i = 0; i < 256; ++i)
      changes.push_back(Put(absl::StrCat(std::string(500, 'n'), i), "1"));
    edits.push_back(Edit(key, std::move(changes)));
  }
  world.CommitAll(std::move(edits));
  const auto messages = reader.ReadAll(Now());
  ASSERT_GE(messages.size(), 2u);
  for (size_t i = 0; i + 1 < messages.size(); ++i) {
    EXPECT_TRUE(messages[i].events().more());
    EXPECT_EQ(messages[i].header().revision(), 1u);
    EXPECT_LE(messages[i].ByteSizeLong(), kMaxMessageBytes);
  }
  EXPECT_FALSE(messages.back().events().more());
  EXPECT_EQ(messages.back().header().revision(), world.log.head());
  EXPECT_THAT(CheckAll(reader.trace(), world.log), IsEmpty());
}

TEST_F(WatchCursorTest, ALargeSnapshotComesInPartsAtOneRevision) {
  std::vector<DocumentKey> keys;
  for (int i = 0; i < 6000; ++i) keys.push_back({absl::StrCat("category", i), Format::kV2});
  WatchWorld world(keys, clock_, {});
  world.Commit(Edit(keys[17], {Put("a", "1"), Put("b", "1")}));
  SessionReader reader(world.hub(), PlanFor(kSnapshot, {keys.begin(), keys.end()}), Now());
  size_t parts = 0;
  while (const auto message = reader.Read(Now())) {
    EXPECT_EQ(message->header().revision(), 2u);
    if (!message->has_events()) continue;
    ++parts;
    EXPECT_TRUE(message->events().more()) << "the last message of a snapshot is SnapshotEnd";
    EXPECT_LE(reader.size_bytes(), kMaxMessageBytes);
  }
  EXPECT_GE(parts, 2u);
  EXPECT_TRUE(reader.trace().messages.back().has_snapshot_end());
  EXPECT_THAT(CheckAll(reader.trace(), world.log), IsEmpty());
}

}  // namespace
}  // namespace modelref

// How streams continue from a position or a token.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/store/database.h"
#include "service/watch/resume.h"
#include "tests/service/watch/client_model.h"
#include "tests/service/watch/validators.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckAll;
using ::modelref::testing::CheckOneCutPerTransaction;
using ::modelref::testing::CheckResume;
using ::modelref::testing::ClientModel;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::PlanFor;
using ::modelref::testing::Put;
using ::modelref::testing::ResumePlan;
using ::modelref::testing::SessionReader;
using ::modelref::testing::StatusIs;
using ::modelref::testing::WatchWorld;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WatchPlan::Start kNow = WatchPlan::Start::kNow;
constexpr WatchPlan::Start kSnapshot = WatchPlan::Start::kSnapshot;

class WatchResumeTest : public ::testing::Test {
 protected:
  static Store::Options Forgetful() {
    Store::Options options;
    options.history_transactions = 4;
    return options;
  }
  absl::Time Now() { return clock_.TimeNow(); }
  SessionReader Open(const WatchPlan& plan) { return SessionReader(world_.hub(), plan, Now()); }
  WatchPlan Plan(WatchPlan::Start start = kNow) { return PlanFor(start, {kClip, kImages}); }
  // A stream that has told everything so far.
  SessionReader ReadUp(const WatchPlan& plan) {
    SessionReader reader = Open(plan);
    reader.ReadAll(Now());
    return reader;
  }
  static std::string LastToken(const SessionReader& reader) {
    return reader.trace().messages.back().resume_token();
  }
  void Commit(int count, const DocumentKey& key = kClip) {
    for (int i = 0; i < count; ++i) {
      world_.Commit(Edit(key, {Put(absl::StrCat("m", i % 5), absl::StrCat(++value_))}));
    }
  }
  // Continues a stream behind its last message, checks how, and returns what it said.
  std::vector<v1::WatchResponse> Continue(const SessionReader& before, v1::ResumeKind kind) {
    SessionReader after = Open(ResumePlan(before.plan(), LastToken(before)));
    std::vector<v1::WatchResponse> messages = after.ReadAll(Now());
    const size_t at = before.trace().messages.size() - 1;
    EXPECT_THAT(CheckResume(before.trace(), at, after.trace(), kind, world_.log), IsEmpty());
    EXPECT_THAT(CheckAll(after.trace(), world_.log), IsEmpty());
    return messages;
  }
  absl::Status RefusalOf(const Position& position) {
    WatchPlan plan = ResumePlan(Plan(), position);
    plan.fail_on_gap = true;
    SessionReader reader = Open(plan);
    EXPECT_THAT(reader.ReadAll(Now()), IsEmpty());
    return reader.end();
  }
  v1::SnapshotReason ResyncOf(const Position& position) {
    SessionReader reader = Open(ResumePlan(Plan(), position));
    const auto messages = reader.ReadAll(Now());
    EXPECT_GE(messages.size(), 3u);
    if (messages.size() < 3) return v1::SNAPSHOT_REASON_UNSPECIFIED;
    EXPECT_EQ(messages[0].created().resume(), v1::RESUME_KIND_RESYNC);
    EXPECT_EQ(messages[0].header().revision(), world_.log.head());
    EXPECT_THAT(messages[0].resume_token(), IsEmpty()) << "the client has nothing to continue";
    EXPECT_TRUE(messages[1].has_snapshot_begin()) << "announced before any event";
    EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
    return messages[1].snapshot_begin().reason();
  }
  Position Head() { return PositionOf(*world_.store().root()); }

  FakeClock clock_;
  WatchWorld world_{{kClip, kImages, kLegacyClip}, clock_, Forgetful()};
  int value_ = 0;
};

TEST_F(WatchResumeTest, NothingMissedIsExactAndTellsNothing) {
  Commit(10);
  const SessionReader reader = ReadUp(Plan(kSnapshot));
  EXPECT_THAT(Continue(reader, v1::RESUME_KIND_EXACT), SizeIs(1));
}

TEST_F(WatchResumeTest, WhatIsInMemoryIsReplayedTransactionByTransaction) {
  Commit(3);
  const SessionReader reader = ReadUp(Plan(kSnapshot));
  Commit(3);
  Commit(1, kImages);
  const auto messages = Continue(reader, v1::RESUME_KIND_EXACT);
  ASSERT_THAT(messages, SizeIs(5));
  for (size_t i = 1; i < messages.size(); ++i) {
    EXPECT_EQ(messages[i].events().events(0).coalesced(), 1u);
  }
}

TEST_F(WatchResumeTest, CreatedSaysWhichMessageEndsTheCatchUp) {
  const auto caught_up = [](const std::vector<v1::WatchResponse>& messages) {
    return messages.front().created().caught_up_revision();
  };
  SessionReader reader = ReadUp(Plan());
  EXPECT_EQ(caught_up(Continue(reader, v1::RESUME_KIND_EXACT)), world_.log.head());
  Commit(2);
  const uint64_t last_told = world_.log.head();
  Commit(1, kLegacyClip);
  EXPECT_EQ(caught_up(Continue(reader, v1::RESUME_KIND_EXACT)), last_told)
      << "of what follows nothing is told";
  Commit(4);
  const auto messages = Continue(reader, v1::RESUME_KIND_COALESCED);
  EXPECT_EQ(caught_up(messages), messages.back().header().revision());
  EXPECT_EQ(caught_up(ReadUp(Plan(kSnapshot)).trace().messages), 0u);
}

TEST_F(WatchResumeTest, WhatIsNotInMemoryIsCoalesced) {
  Commit(3);
  const SessionReader reader = ReadUp(Plan(kSnapshot));
  Commit(5);
  const auto messages = Continue(reader, v1::RESUME_KIND_COALESCED);
  ASSERT_THAT(messages, SizeIs(2));
  const v1::WatchEvent& event = messages[1].events().events(0);
  EXPECT_FALSE(event.has_prev_mod_revision());
  EXPECT_TRUE(event.keys_truncated());
  EXPECT_EQ(event.coalesced(), 0u);
}

TEST_F(WatchResumeTest, OnlyDocumentsThatChangedAreToldWhenCoalesced) {
  Commit(1, kImages);
  const SessionReader reader = ReadUp(Plan(kSnapshot));
  Commit(9);
  const auto messages = Continue(reader, v1::RESUME_KIND_COALESCED);
  ASSERT_THAT(messages, SizeIs(2));
  ASSERT_THAT(messages[1].events().events(), SizeIs(1));
  EXPECT_EQ(messages[1].events().events(0).category(), "clip");
}

TEST_F(WatchResumeTest, AnExactCatchUpStaysExactHoweverSlowTheReaderIs) {
  const SessionReader before = ReadUp(Plan());
  Commit(4);
  SessionReader after = Open(ResumePlan(Plan(), LastToken(before)));
  ASSERT_TRUE(after.Read(Now()));
  Commit(20);
  for (int i = 0; i < 4; ++i) {
    const auto message = after.Read(Now());
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->events().events(0).coalesced(), 1u) << i;
  }
  after.ReadAll(Now());
  EXPECT_THAT(CheckAll(after.trace(), world_.log), IsEmpty());
}

TEST_F(WatchResumeTest, EachMessageThatCompletesACutHasAToken) {
  SessionReader reader = Open(Plan(kSnapshot));
  world_.store().SetFreshness(kClip, FreshnessCause::kMarked, "");
  reader.ReadAll(Now());
  Commit(1);
  reader.ReadAll(Now());
  clock_.Advance(absl::Seconds(30));
  reader.ReadAll(Now());
  reader.Read(Now(), v1::DRAIN_REASON_SHUTDOWN);
  for (const v1::WatchResponse& message : reader.trace().messages) {
    const bool completes = message.has_snapshot_end() || message.has_bookmark() ||
                           message.has_drain() ||
                           (message.has_events() && !message.events().more());
    EXPECT_EQ(!message.resume_token().empty(), completes) << message.DebugString();
  }
  EXPECT_FALSE(ReadUp(Plan(kNow)).trace().messages.front().resume_token().empty())
      << "a start at the present is a cut";
}

TEST_F(WatchResumeTest, EqualStreamsHaveEqualTokensAndShareTheirMessages) {
  SessionReader one = ReadUp(Plan());
  SessionReader two = ReadUp(Plan());
  const uint64_t encoded = world_.hub().statistics().cuts_encoded;
  Commit(1);
  one.ReadAll(Now());
  two.ReadAll(Now());
  EXPECT_EQ(LastToken(one), LastToken(two));
  EXPECT_EQ(world_.hub().statistics().cuts_encoded, encoded + 1);
}

TEST_F(WatchResumeTest, APositionContinuesAsATokenDoes) {
  Commit(2);
  const Position position = Head();
  Commit(2);
  SessionReader reader = Open(ResumePlan(Plan(), position));
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(3));
  EXPECT_EQ(messages[0].created().resume(), v1::RESUME_KIND_EXACT);
  EXPECT_EQ(messages[0].created().position().revision(), position.revision);
  EXPECT_EQ(messages[0].created().position().chain().size(), 8u);
  EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
}

TEST_F(WatchResumeTest, APositionBeforeTheFirstTransactionTellsEverything) {
  Commit(3);
  Position start = Head();
  start.revision = 0;
  start.chain = std::nullopt;
  SessionReader reader = Open(ResumePlan(Plan(), start));
  EXPECT_THAT(reader.ReadAll(Now()), SizeIs(4));
  EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
}

TEST_F(WatchResumeTest, AnOldPositionWithAnotherChainIsAnotherHistory) {
  Commit(1);
  Position old = Head();
  Commit(9);
  EXPECT_NE(world_.store().RecentChainAt(old.revision).has_value(), true);
  SessionReader good = Open(ResumePlan(Plan(), old));
  EXPECT_EQ(good.ReadAll(Now()).at(0).created().resume(), v1::RESUME_KIND_COALESCED);
  (*old.chain)[0] ^= 1;
  EXPECT_EQ(ResyncOf(old), v1::SNAPSHOT_REASON_EPOCH_CHANGED);
  EXPECT_THAT(RefusalOf(old), HasReason("EPOCH_MISMATCH"));
}

TEST_F(WatchResumeTest, AnUnknownEpochIsResyncedOrRefused) {
  Commit(2);
  Position position = Head();
  position.epoch[3] ^= 1;
  EXPECT_EQ(ResyncOf(position), v1::SNAPSHOT_REASON_EPOCH_CHANGED);
  const absl::Status refusal = RefusalOf(position);
  EXPECT_THAT(refusal, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(refusal, HasReason("EPOCH_MISMATCH"));
  EXPECT_EQ(ExtrasOf(refusal).metadata.at("head"), "2");
}

TEST_F(WatchResumeTest, APositionAheadOfThePrimaryIsResyncedOrRefused) {
  Commit(2);
  Position position = Head();
  position.revision += 1;
  EXPECT_EQ(ResyncOf(position), v1::SNAPSHOT_REASON_CLIENT_AHEAD);
  const absl::Status refusal = RefusalOf(position);
  EXPECT_THAT(refusal, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(refusal, HasReason("REVISION_IN_FUTURE"));
}

TEST_F(WatchResumeTest, HistoryThatIsGoneIsResyncedOrRefused) {
  Commit(1);
  const Position old = Head();
  Commit(9);
  ASSERT_THAT(world_.store().Query([](Database& database) {
    return database.Execute("DELETE FROM transactions WHERE revision < 5");
  }),
              IsOk());
  EXPECT_EQ(ResyncOf(old), v1::SNAPSHOT_REASON_HISTORY_GONE);
  const absl::Status refusal = RefusalOf(old);
  EXPECT_THAT(refusal, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(refusal, HasReason("COMPACTED"));
  EXPECT_EQ(ExtrasOf(refusal).metadata.at("floor"), "6");
  EXPECT_EQ(ExtrasOf(refusal).metadata.at("head"), "10");
}

TEST_F(WatchResumeTest, ATokenFromBeforeACategoryCameIsResynced) {
  Commit(1, kLegacyClip);
  const SessionReader before = ReadUp(Plan());
  // The same filter matches another set of documents now.
  WatchPlan plan = ResumePlan(PlanFor(kNow, {kClip, kImages, kLegacyClip}), LastToken(before));
  plan.watched.documents_hash = 17;
  SessionReader after = Open(plan);
  const auto messages = after.ReadAll(Now());
  ASSERT_GE(messages.size(), 3u);
  EXPECT_EQ(messages[0].created().resume(), v1::RESUME_KIND_RESYNC);
  EXPECT_EQ(messages[1].snapshot_begin().reason(), v1::SNAPSHOT_REASON_HISTORY_GONE);
  EXPECT_THAT(CheckAll(after.trace(), world_.log), IsEmpty());
}

TEST_F(WatchResumeTest, FreshnessIsToldAfterCreatedAndBeforeTheCatchUp) {
  const SessionReader before = ReadUp(Plan());
  Commit(2);
  world_.store().SetFreshness(kImages, FreshnessCause::kMarked, "");
  SessionReader after = Open(ResumePlan(Plan(), LastToken(before)));
  const auto messages = after.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(4));
  EXPECT_TRUE(messages[1].has_freshness());
  EXPECT_EQ(messages[1].header().revision(), 0u);
  EXPECT_THAT(CheckAll(after.trace(), world_.log), IsEmpty());
}

TEST_F(WatchResumeTest, InlineClientsFollowTheCatchUpByDeltas) {
  Commit(2);
  WatchPlan plan = Plan();
  plan.inline_delta = true;
  const SessionReader before = ReadUp(plan);
  std::map<DocumentKey, ClientModel::Copy> copies;
  for (const DocumentKey& key : plan.watched.keys) {
    const testing::LoggedDocument& document = *world_.log.At(world_.log.head())->at(key);
    copies[key] = {document.mod_revision, document.etag, document.records};
  }
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  world_.Commit(Edit(kClip, {Put("b", "1")}));
  world_.Commit(Edit(kClip, {Put("a", "2")}));
  SessionReader after = Open(ResumePlan(plan, LastToken(before)));
  const auto messages = after.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(2)) << "a changes again later, so it is all one cut";
  ClientModel client(world_.log, plan.watched.keys, copies);
  for (const v1::WatchResponse& message : messages) {
    EXPECT_THAT(client.Apply(message), IsEmpty());
  }
  EXPECT_THAT(client.Compare(), IsEmpty());
  EXPECT_EQ(client.deltas(), 1u);
  EXPECT_EQ(client.reads(), 0u);
}

TEST_F(WatchResumeTest, AReplayOfMuchContentEndsInOneCut) {
  WatchPlan plan = Plan();
  plan.inline_delta = true;
  plan.max_inline_bytes = 512 << 10;
  Store::Options options;
  WatchWorld world({kClip, kImages}, clock_, options);
  SessionReader before(world.hub(), plan, Now());
  before.ReadAll(Now());
  for (int i = 0; i < 20; ++i) {
    world.Commit(Edit(kClip, {Put(absl::StrCat("m", i), std::string(200 << 10, 'x'))}));
  }
  SessionReader after(world.hub(), ResumePlan(plan, LastToken(before)), Now());
  const auto messages = after.ReadAll(Now());
  EXPECT_GE(messages.size(), 6u);
  EXPECT_LE(messages.size(), 9u) << "a megabyte one by one, then the rest at once";
  EXPECT_THAT(CheckAll(after.trace(), world.log), IsEmpty());
}

TEST_F(WatchResumeTest, HowStreamsWereContinuedIsCounted) {
  const SessionReader before = ReadUp(Plan());
  Continue(before, v1::RESUME_KIND_EXACT);
  Commit(9);
  Continue(before, v1::RESUME_KIND_COALESCED);
  Position ahead = Head();
  ++ahead.revision;
  ResyncOf(ahead);
  const WatchHub::Statistics statistics = world_.hub().statistics();
  EXPECT_EQ(statistics.resumes[v1::RESUME_KIND_EXACT], 1u);
  EXPECT_EQ(statistics.resumes[v1::RESUME_KIND_COALESCED], 1u);
  EXPECT_EQ(statistics.resumes[v1::RESUME_KIND_RESYNC], 1u);
  EXPECT_EQ(statistics.snapshots[v1::SNAPSHOT_REASON_CLIENT_AHEAD], 1u);
}

// --- Waiting for the position --------------------------------------------------------------------

class WatchWaitingTest : public WatchResumeTest {
 protected:
  explicit WatchWaitingTest() { positions_.emplace(world_.store(), nullptr, Patient()); }
  static PositionWaiter::Options Patient() {
    PositionWaiter::Options options;
    options.follow = testing::kDeadline;
    options.patience = absl::Milliseconds(20);
    return options;
  }
  WatchPlan Ahead() {
    Position position = Head();
    position.revision += 1;
    position.chain = std::nullopt;
    return ResumePlan(Plan(), position);
  }

  std::optional<PositionWaiter> positions_;
};

TEST_F(WatchWaitingTest, AStreamWaitsForAnotherProcessToBeSeenAndThenContinues) {
  Commit(1);
  WatchHub hub(world_.store(), *positions_, "node-1");
  testing::Event woken;
  SessionReader reader(hub, Ahead(), Now(), {}, [&] { woken.Set(); });
  EXPECT_THAT(reader.ReadAll(Now()), IsEmpty());
  EXPECT_FALSE(reader.finished());
  Commit(1);
  ASSERT_TRUE(woken.Wait());
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].created().resume(), v1::RESUME_KIND_EXACT);
}

TEST_F(WatchWaitingTest, AStreamThatWaitsEndsWhenTheServerDrains) {
  WatchHub hub(world_.store(), *positions_, "node-1");
  SessionReader reader(hub, Ahead(), Now());
  EXPECT_FALSE(reader.Read(Now()));
  EXPECT_FALSE(reader.Read(Now(), v1::DRAIN_REASON_SHUTDOWN));
  EXPECT_THAT(reader.end(), HasReason("DRAINING"));
  EXPECT_THAT(testing::CheckEnds({&reader.trace()}), IsEmpty());
}

TEST_F(WatchWaitingTest, AReplicaThatIsBehindSaysSoWhateverTheClientWantsAtAGap) {
  PositionWaiter::Options options = Patient();
  options.is_replica = true;
  PositionWaiter positions(world_.store(), nullptr, options);
  WatchHub hub(world_.store(), positions, "node-1");
  testing::Event woken;
  SessionReader reader(hub, Ahead(), Now(), {}, [&] { woken.Set(); });
  EXPECT_FALSE(reader.Read(Now()));
  ASSERT_TRUE(woken.Wait());
  EXPECT_FALSE(reader.Read(Now()));
  EXPECT_THAT(reader.end(), HasReason("REPLICA_BEHIND"));
}

// --- Relays --------------------------------------------------------------------------------------

TEST_F(WatchResumeTest, ARelayIsToldAtOnceOfCommitsThatTouchNothingItWatches) {
  WatchPlan plan = Plan();
  plan.is_relay = true;
  SessionReader relay = ReadUp(plan);
  SessionReader client = ReadUp(Plan());
  Commit(1, kLegacyClip);
  const auto messages = relay.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_TRUE(messages[0].has_bookmark());
  EXPECT_EQ(messages[0].header().revision(), world_.log.head());
  EXPECT_THAT(client.ReadAll(Now()), IsEmpty());
  EXPECT_THAT(relay.ReadAll(Now()), IsEmpty()) << "once";
  Commit(1);
  EXPECT_THAT(relay.ReadAll(Now()), SizeIs(1)) << "events need no bookmark";
  EXPECT_THAT(CheckAll(relay.trace(), world_.log), IsEmpty());
}

}  // namespace
}  // namespace modelref

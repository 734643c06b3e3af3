#include "service/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/service/store/edits.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::Event;
using ::modelref::testing::FakeClock;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::NamesOf;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::Remove;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StoreTest : public ::testing::Test {
 protected:
  static Store::Options Limits(size_t transactions, size_t changes) {
    Store::Options options;
    options.history_transactions = transactions;
    options.history_changes = changes;
    return options;
  }
  const DocumentState& State(const DocumentKey& key) { return *store_.root()->Find(key); }

  FakeClock clock_;
  Store store_{{kClip, kImages, kLegacyClip}, clock_, Store::Options()};
};

TEST_F(StoreTest, ANewStoreHoldsEveryDocumentEmptyFreshAndUnchanged) {
  const RootPtr root = store_.root();
  EXPECT_EQ(root->revision, 0u);
  EXPECT_EQ(root->documents.size(), 3u);
  for (const auto& [key, state] : root->documents) {
    EXPECT_EQ(state->key, key);
    EXPECT_EQ(state->document->record_count(), 0u);
    EXPECT_EQ(state->mod_revision, 0u);
    EXPECT_FALSE(state->freshness.stale());
    EXPECT_THAT(state->damage, IsOk());
  }
  EXPECT_EQ(root->Find({"controlnet", Format::kV2}), nullptr);
}

TEST_F(StoreTest, EachStoreIsAnEpochOfItsOwn) {
  Store other({kClip}, clock_, Store::Options());
  EXPECT_NE(store_.root()->epoch, other.root()->epoch);
  EXPECT_NE(store_.root()->epoch, Epoch{});
}

TEST_F(StoreTest, TheRevisionIsTheIdOfTheLastEventAndEachChangedRecordTakesOne) {
  EXPECT_EQ(CommitTo(store_, Edit(kClip, {Put("a", "1"), Put("b", "1"), Put("c", "1")})), 3u);
  EXPECT_EQ(
      CommitTo(store_, Edit(kClip, {Put("a", "2"), Remove("b")}), Edit(kImages, {Put("x", "1")})),
      6u);
  EXPECT_EQ(store_.root()->revision, 6u);
}

TEST_F(StoreTest, EveryModRevisionOfATransactionIsItsRevision) {
  CommitTo(store_, Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  const uint64_t revision =
      CommitTo(store_, Edit(kClip, {Put("c", "1"), Put("b", "2")}), Edit(kImages, PutMany(3, "1")));
  EXPECT_EQ(revision, 7u);
  EXPECT_EQ(State(kClip).mod_revision, revision);
  EXPECT_EQ(State(kImages).mod_revision, revision);
  EXPECT_EQ(State(kLegacyClip).mod_revision, 0u);
  const DocumentPtr clip = State(kClip).document;
  EXPECT_EQ(clip->Find("a")->mod_revision, 2u);
  EXPECT_EQ(clip->Find("b")->mod_revision, revision);
  EXPECT_EQ(clip->Find("c")->mod_revision, revision);
  State(kImages).document->ForEach(
      [&](const Entry& entry) { EXPECT_EQ(entry.mod_revision, revision); });
}

TEST_F(StoreTest, EqualContentMakesNoEvent) {
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  const RootPtr before = store_.root();
  int notified = 0;
  store_.AddListener([&] { ++notified; });
  EXPECT_EQ(CommitTo(store_, Edit(kClip, {Put("a", "1"), Remove("missing")})), 1u);
  EXPECT_EQ(CommitTo(store_), 1u);
  EXPECT_EQ(store_.root(), before);
  EXPECT_EQ(notified, 0);
  EXPECT_THAT(*store_.History(1, 100), IsEmpty());
}

TEST_F(StoreTest, OnlyTheStepsThatChangeSomethingTakeAnId) {
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_EQ(CommitTo(store_, Edit(kClip, {Put("a", "1"), Put("b", "1"), Remove("none")}),
                     Edit(kImages, {Remove("none")})),
            2u);
  EXPECT_EQ(State(kImages).mod_revision, 0u);
  EXPECT_EQ(store_.History(1, 2)->front()->deltas.size(), 1u);
}

TEST_F(StoreTest, StepsOfOneEditSeeTheStepsBefore) {
  CommitTo(store_, Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  EXPECT_EQ(CommitTo(store_, Edit(kClip, {Remove("a"), Remove("a"), Put("a", "1")})), 4u);
  EXPECT_THAT(NamesOf(*State(kClip).document), ElementsAre("b", "a"));
  const auto history = *store_.History(2, 4);
  const std::vector<CommittedChange>& changes = history.front()->deltas.front().changes;
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_TRUE(changes[0].existed);
  EXPECT_FALSE(changes[0].exists);
  EXPECT_FALSE(changes[1].existed);
}

TEST_F(StoreTest, AReplacementTakesAnIdPerRecordAndStampsThemAll) {
  DocumentEdit edit;
  edit.key = kClip;
  edit.replacement =
      testing::MakeSnapshot(Format::kV2, testing::DocumentJson({"a", "b"}))->document;
  EXPECT_EQ(CommitTo(store_, std::move(edit)), 2u);
  const auto history = *store_.History(0, 2);
  EXPECT_FALSE(history.front()->deltas.front().wholesale);
  EXPECT_EQ(history.front()->deltas.front().changes.size(), 2u);
  EXPECT_EQ(State(kClip).document->Find("a")->mod_revision, 2u);
}

TEST_F(StoreTest, AStepWithTooManyRecordsIsWholesale) {
  CommitTo(store_, Edit(kClip, PutMany(1025, "1")));
  const auto history = *store_.History(0, 1025);
  EXPECT_TRUE(history.front()->deltas.front().wholesale);
  EXPECT_THAT(history.front()->deltas.front().changes, IsEmpty());
}

TEST_F(StoreTest, OnlyAnEmptyDocumentIsReplaced) {
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  DocumentEdit edit;
  edit.key = kClip;
  edit.replacement = testing::MakeSnapshot(Format::kV2, testing::DocumentJson({"b"}))->document;
  EXPECT_THAT(store_.Commit("test", {edit}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(StoreTest, ADeltaSaysWhatWasBefore) {
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  const Etag before = State(kClip).document->etag();
  clock_.Advance(absl::Minutes(3));
  CommitTo(store_, Edit(kClip, {Put("a", "2")}));
  const CommittedTransactionPtr transaction = store_.History(1, 2)->front();
  EXPECT_EQ(transaction->deltas.front().prev_mod_revision, 1u);
  EXPECT_EQ(transaction->deltas.front().prev_etag, before);
  EXPECT_EQ(transaction->caller, "test");
  EXPECT_EQ(transaction->time, clock_.TimeNow());
  EXPECT_EQ(State(kClip).commit_time, clock_.TimeNow());
}

TEST_F(StoreTest, TheChainChangesWithEachTransactionAndDependsOnItsContent) {
  Store same({kClip, kImages}, clock_, Store::Options());
  Store other({kClip, kImages}, clock_, Store::Options());
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  const Sha256Digest first = store_.root()->chain;
  EXPECT_NE(first, Sha256Digest{});
  CommitTo(same, Edit(kClip, {Put("a", "1")}));
  CommitTo(other, Edit(kClip, {Put("a", "2")}));
  EXPECT_EQ(same.root()->chain, first);
  EXPECT_NE(other.root()->chain, first);
  // Equal content again does not lead to an equal chain: the past is part of it.
  CommitTo(store_, Edit(kClip, {Put("a", "3")}));
  CommitTo(same, Edit(kClip, {Put("a", "2")}));
  CommitTo(same, Edit(kClip, {Put("a", "3")}));
  EXPECT_NE(store_.root()->chain, first);
  EXPECT_NE(store_.root()->chain, same.root()->chain);
  Store moved({kClip, kImages}, clock_, Store::Options());
  CommitTo(moved, Edit(kImages, {Put("a", "1")}));
  EXPECT_NE(moved.root()->chain, first) << "the document is part of the chain";
}

TEST_F(StoreTest, ARootOnceLoadedNeverChanges) {
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  const RootPtr old = store_.root();
  const Etag etag = old->Find(kClip)->document->etag();
  CommitTo(store_, Edit(kClip, {Put("a", "2"), Put("b", "1")}));
  EXPECT_EQ(old->revision, 1u);
  EXPECT_EQ(old->Find(kClip)->document->etag(), etag);
  EXPECT_EQ(old->Find(kClip)->document->record_count(), 1u);
}

// What must hold in every root that a reader can see, when transactions set "a" of both documents
// to the same value.
void CheckConsistent(const Root& root) {
  const DocumentState& clip = *root.Find(kClip);
  const DocumentState& images = *root.Find(kImages);
  ASSERT_EQ(clip.mod_revision, images.mod_revision);
  ASSERT_EQ(clip.mod_revision, root.revision);
  ASSERT_EQ(clip.document->etag(), images.document->etag());
}

TEST_F(StoreTest, ReadersSeeWholeTransactionsUnderConcurrentCommits) {
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      uint64_t last = 0;
      do {
        const RootPtr root = store_.root();
        CheckConsistent(*root);
        ASSERT_GE(root->revision, last);
        last = root->revision;
      } while (!done);
    });
  }
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 500; ++i) {
        const std::string value = absl::StrCat(writer, "-", i);
        CommitTo(store_, Edit(kClip, {Put("a", value)}), Edit(kImages, {Put("a", value)}));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(store_.root()->revision, 2000u);
}

TEST_F(StoreTest, ConcurrentCommitsEachReturnTheirOwnRevision) {
  Mutex mutex;
  std::set<uint64_t> returned;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 200; ++i) {
        const uint64_t revision =
            CommitTo(store_, Edit(kClip, {Put(absl::StrCat("w", writer), absl::StrCat(i))}));
        MutexLock lock(&mutex);
        returned.insert(revision);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(returned.size(), 800u);
}

TEST_F(StoreTest, AListenerMayCommitWithoutWaiting) {
  bool again = true;
  store_.AddListener([&] {
    if (!std::exchange(again, false)) return;
    TransactionRequest request{"listener", "", [](TransactionContext& context) {
                                 return context.Edit(Edit(kImages, {Put("from", "listener")}));
                               }};
    store_.CommitAsync(std::move(request), [](const absl::StatusOr<CommitResult>&) {});
  });
  EXPECT_EQ(CommitTo(store_, Edit(kClip, {Put("a", "1")})), 1u);
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));  // Waits behind it.
  EXPECT_EQ(store_.root()->revision, 2u);
}

TEST_F(StoreTest, HistoryReturnsTheTransactionsOfAnInterval) {
  for (int i = 1; i <= 4; ++i) CommitTo(store_, Edit(kClip, {Put("a", absl::StrCat(i))}));
  const auto history = *store_.History(1, 3);
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0]->revision, 2u);
  EXPECT_EQ(history[1]->revision, 3u);
  EXPECT_THAT(*store_.History(4, 4), IsEmpty());
  EXPECT_EQ(store_.history_floor(), 0u);
}

TEST_F(StoreTest, TheHistoryRingForgetsTheOldestTransactions) {
  Store store({kClip}, clock_, Limits(2, 1000));
  CommitTo(store, Edit(kClip, PutMany(3, "1")));
  EXPECT_EQ(store.history_floor(), 0u);
  for (int i = 0; i < 3; ++i) CommitTo(store, Edit(kClip, {Put("a", absl::StrCat(i))}));
  EXPECT_EQ(store.history_floor(), 4u);
  EXPECT_FALSE(store.History(3, 6).has_value());
  EXPECT_EQ(store.History(4, 6)->size(), 2u);
  EXPECT_EQ(store.History(5, 6)->size(), 1u);
}

TEST_F(StoreTest, TheHistoryRingIsAlsoBoundedBySteps) {
  Store store({kClip}, clock_, Limits(1000, 5));
  CommitTo(store, Edit(kClip, PutMany(3, "1")));
  CommitTo(store, Edit(kClip, PutMany(2, "2")));
  EXPECT_EQ(store.history_floor(), 0u);
  CommitTo(store, Edit(kClip, {Put("a", "1")}));
  EXPECT_EQ(store.history_floor(), 3u);
  EXPECT_EQ(store.History(3, 6)->size(), 2u);
  // One that is too large for the ring alone empties it, and the floor says so.
  EXPECT_EQ(CommitTo(store, Edit(kClip, PutMany(6, "3"))), 12u);
  EXPECT_EQ(store.history_floor(), 12u);
  EXPECT_FALSE(store.History(6, 12).has_value());
  EXPECT_THAT(*store.History(12, 12), IsEmpty());
}

TEST_F(StoreTest, WithoutHistoryEverythingElseWorks) {
  Store store({kClip}, clock_, Limits(0, 0));
  EXPECT_EQ(CommitTo(store, Edit(kClip, {Put("a", "1")})), 1u);
  EXPECT_FALSE(store.History(0, 1).has_value());
  EXPECT_EQ(store.root()->Find(kClip)->document->record_count(), 1u);
}

TEST_F(StoreTest, ListenersRunInTheOrderTheyWereAddedAndSeeTheNewRoot) {
  std::vector<std::string> calls;
  store_.AddListener([&] { calls.push_back(absl::StrCat("first ", store_.root()->revision)); });
  store_.AddListener([&] { calls.push_back(absl::StrCat("second ", store_.root()->revision)); });
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  CommitTo(store_, Edit(kClip, {Put("a", "2")}));
  EXPECT_THAT(calls, ElementsAre("first 1", "second 1", "first 2", "second 2"));
}

TEST_F(StoreTest, FreshnessChangesTakeASequenceAndNoRevision) {
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  store_.SetFreshness(kClip, FreshnessCause::kTtl, "old");
  store_.SetFreshness(kImages, FreshnessCause::kMarked, "");
  EXPECT_EQ(State(kClip).freshness.sequence, 1u);
  EXPECT_EQ(State(kImages).freshness.sequence, 2u);
  store_.SetFreshness(kClip, FreshnessCause::kNone, "");
  EXPECT_EQ(State(kClip).freshness.sequence, 3u);
  EXPECT_FALSE(State(kClip).freshness.stale());
  EXPECT_EQ(store_.root()->freshness_sequence, 3u);
  EXPECT_EQ(store_.root()->revision, 1u);
}

TEST_F(StoreTest, FreshnessThatIsAlreadySoIsNoChange) {
  store_.SetFreshness(kClip, FreshnessCause::kTtl, "old");
  int notified = 0;
  store_.AddListener([&] { ++notified; });
  store_.SetFreshness(kClip, FreshnessCause::kTtl, "old");
  EXPECT_EQ(notified, 0);
  EXPECT_EQ(store_.root()->freshness_sequence, 1u);
  store_.SetFreshness(kClip, FreshnessCause::kTtl, "older");
  EXPECT_EQ(notified, 1);
}

TEST_F(StoreTest, ADocumentIsStaleSinceItWasLastFresh) {
  const absl::Time first = clock_.TimeNow();
  store_.SetFreshness(kClip, FreshnessCause::kTtl, "");
  clock_.Advance(absl::Minutes(1));
  store_.SetFreshness(kClip, FreshnessCause::kRefreshFailed, "");
  EXPECT_EQ(State(kClip).freshness.since, first);
  store_.SetFreshness(kClip, FreshnessCause::kNone, "");
  clock_.Advance(absl::Minutes(1));
  store_.SetFreshness(kClip, FreshnessCause::kMarked, "");
  EXPECT_EQ(State(kClip).freshness.since, clock_.TimeNow());
}

TEST_F(StoreTest, DamageIsKeptUntilContentIsCommitted) {
  store_.SetDamage(kClip, absl::DataLossError("line 3"));
  EXPECT_THAT(State(kClip).damage, StatusIs(absl::StatusCode::kDataLoss, "line 3"));
  EXPECT_THAT(State(kImages).damage, IsOk());
  EXPECT_EQ(store_.root()->revision, 0u);
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_THAT(State(kClip).damage, IsOk());
}

TEST_F(StoreTest, TheSourceTextHasAnEtagOfItsOwnAndTakesNoRevision) {
  const auto text = std::make_shared<const std::string>("{ }\n");
  DocumentEdit edit = Edit(kLegacyClip, {});
  edit.from_source = true;
  edit.source_text = text;
  edit.problems = {{"bad", 3, "too deep"}};
  CommitTo(store_, edit);
  EXPECT_EQ(*State(kLegacyClip).source_text, *text);
  EXPECT_EQ(State(kLegacyClip).source_etag, Sha256("{ }\n"));
  EXPECT_THAT(State(kLegacyClip).problems, ElementsAre(RecordProblem{"bad", 3, "too deep"}));
  EXPECT_EQ(store_.root()->revision, 0u);
  EXPECT_TRUE(State(kLegacyClip).known);
}

TEST_F(StoreTest, AChangeThatIsNotFromTheSourceDropsItsTextAndKeepsItsProblems) {
  DocumentEdit edit = Edit(kLegacyClip, {Put("a", "1")});
  edit.from_source = true;
  edit.source_text = std::make_shared<const std::string>("{}");
  edit.problems = {{"bad", 3, "too deep"}};
  CommitTo(store_, edit);
  CommitTo(store_, Edit(kLegacyClip, {Put("a", "1")}));
  EXPECT_NE(State(kLegacyClip).source_text, nullptr) << "nothing changed";
  CommitTo(store_, Edit(kLegacyClip, {Put("a", "2")}));
  EXPECT_EQ(State(kLegacyClip).source_text, nullptr);
  EXPECT_EQ(State(kLegacyClip).problems.size(), 1u);
}

TEST_F(StoreTest, WhatIsPutOrDeletedIsNoProblemOfTheSourceAnyMore) {
  DocumentEdit edit = Edit(kClip, {Put("a", "1"), Put("b", "1"), Put("c", "1")});
  edit.from_source = true;
  edit.problems = {{"a", 1, "NaN"}, {"b", 2, "NaN"}, {"c", 3, "NaN"}, {"d", 4, "NaN"}};
  CommitTo(store_, edit);
  CommitTo(store_, Edit(kClip, {Put("a", "2"), Remove("b"), Put("c", "1"), Remove("d")}));
  EXPECT_THAT(State(kClip).problems,
              ElementsAre(RecordProblem{"c", 3, "NaN"}, RecordProblem{"d", 4, "NaN"}));
}

TEST_F(StoreTest, TwoEditsOfOneDocumentInOneTransactionAreRefused) {
  EXPECT_THAT(store_.Commit("test", {Edit(kClip, {Put("a", "1")}), Edit(kClip, {Put("b", "1")})}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(store_.root()->revision, 0u);
}

TEST_F(StoreTest, AnUnknownDocumentIsNotFound) {
  EXPECT_THAT(store_.Commit("test", {Edit({"nothing", Format::kV2}, {Put("a", "1")})}),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace modelref

// The store on disk: what survives, what several processes see, what groups do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "backends/base/clock.h"
#include "service/store/database.h"
#include "service/store/schema.h"
#include "tests/service/store/edits.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::Event;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::NamesOf;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::Remove;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;

class DurableStoreTest : public ::testing::Test {
 protected:
  Store::Options Options() const {
    Store::Options options;
    options.directory = dir_.path() + "/.modelref";
    return options;
  }
  std::unique_ptr<Store> Open() { return Open(Options()); }
  std::unique_ptr<Store> Open(const Store::Options& options) {
    absl::StatusOr<std::unique_ptr<Store>> store =
        Store::Open({kClip, kImages, kLegacyClip}, clock_, options);
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
  // Waits for what another store committed. False when it does not come.
  static bool Reaches(Store& store, uint64_t revision) {
    struct Signal {
      Mutex mutex;
      CondVar changed;
    };
    const auto signal = std::make_shared<Signal>();
    store.AddListener([signal] {
      MutexLock lock(&signal->mutex);
      signal->changed.SignalAll();
    });
    MutexLock lock(&signal->mutex);
    while (store.root()->revision < revision) {
      if (!signal->changed.WaitFor(&signal->mutex, absl::Seconds(20))) break;
    }
    return store.root()->revision >= revision;
  }

  TempDir dir_;
  FakeClock clock_;
};

void ExpectSameContent(const Root& a, const Root& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.chain, b.chain);
  EXPECT_EQ(a.time, b.time);
  ASSERT_EQ(a.documents.size(), b.documents.size());
  for (const auto& [key, state] : a.documents) {
    const DocumentState& other = *b.Find(key);
    EXPECT_EQ(state->document->etag(), other.document->etag()) << key.ToString();
    EXPECT_EQ(state->document->ToJson(), other.document->ToJson()) << key.ToString();
    EXPECT_EQ(state->document->next_order(), other.document->next_order()) << key.ToString();
    EXPECT_EQ(state->mod_revision, other.mod_revision) << key.ToString();
    EXPECT_EQ(state->commit_time, other.commit_time) << key.ToString();
    EXPECT_EQ(state->known, other.known) << key.ToString();
    EXPECT_EQ(state->problems, other.problems) << key.ToString();
    EXPECT_EQ(state->source_etag, other.source_etag) << key.ToString();
  }
}

TEST_F(DurableStoreTest, EverythingIsThereAgainAfterARestart) {
  RootPtr before;
  {
    const auto store = Open();
    CommitTo(*store, Edit(kClip, PutMany(50, "1")), Edit(kImages, {Put("x", "1"), Put("y", "1")}));
    clock_.Advance(absl::Seconds(3));
    CommitTo(*store, Edit(kClip, {Remove("name7"), Put("name3", "2"), Put("new", "1")}));
    CommitTo(*store, Edit(kClip, {Remove("new")}));
    CommitTo(*store, Edit(kClip, {Remove("name9"), Put("name9", "3")}));
    DocumentEdit edit = Edit(kLegacyClip, {Put("a", "1")});
    edit.from_source = true;
    edit.source_text = std::make_shared<const std::string>("{\"a\": 1}");
    edit.problems = {{"bad", 3, "too deep"}};
    CommitTo(*store, edit);
    before = store->root();
  }
  const auto store = Open();
  ExpectSameContent(*before, *store->root());
  EXPECT_EQ(*store->root()->Find(kLegacyClip)->source_text, "{\"a\": 1}");
  EXPECT_EQ(store->root()->Find(kClip)->document->Find("name3")->mod_revision,
            before->Find(kClip)->document->Find("name3")->mod_revision);
}

TEST_F(DurableStoreTest, ARepairedRecordIsNoProblemAfterARestartEither) {
  RootPtr before;
  {
    const auto store = Open();
    DocumentEdit edit = Edit(kClip, {Put("a", "1")});
    edit.from_source = true;
    edit.problems = {{"a", 1, "NaN"}, {"b", 2, "NaN"}};
    CommitTo(*store, edit);
    CommitTo(*store, Edit(kClip, {Put("a", "2")}));
    before = store->root();
  }
  EXPECT_EQ(before->Find(kClip)->problems.size(), 1u);
  ExpectSameContent(*before, *Open()->root());
}

TEST_F(DurableStoreTest, TheHistoryInMemoryIsThereAgainAfterARestart) {
  std::vector<CommittedTransactionPtr> before;
  {
    const auto store = Open();
    for (int i = 0; i < 5; ++i) CommitTo(*store, Edit(kClip, PutMany(3, absl::StrCat(i))));
    CommitTo(*store, Edit(kClip, {Remove("name1")}), Edit(kImages, {Put("x", "1")}));
    before = *store->History(0, store->root()->revision);
  }
  const auto store = Open();
  const auto after = store->History(0, store->root()->revision);
  ASSERT_TRUE(after.has_value());
  ASSERT_EQ(after->size(), before.size());
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ((*after)[i]->revision, before[i]->revision);
    EXPECT_EQ((*after)[i]->chain, before[i]->chain);
    EXPECT_EQ((*after)[i]->caller, before[i]->caller);
    ASSERT_EQ((*after)[i]->deltas.size(), before[i]->deltas.size());
    for (size_t j = 0; j < before[i]->deltas.size(); ++j) {
      const DocumentDelta& a = (*after)[i]->deltas[j];
      const DocumentDelta& b = before[i]->deltas[j];
      EXPECT_EQ(a.key, b.key);
      EXPECT_EQ(a.prev_mod_revision, b.prev_mod_revision);
      EXPECT_EQ(a.prev_etag, b.prev_etag);
      ASSERT_EQ(a.changes.size(), b.changes.size());
      for (size_t k = 0; k < a.changes.size(); ++k) {
        EXPECT_EQ(a.changes[k].name, b.changes[k].name);
        EXPECT_EQ(a.changes[k].exists, b.changes[k].exists);
        EXPECT_EQ(a.changes[k].existed, b.changes[k].existed);
      }
    }
  }
}

TEST_F(DurableStoreTest, AShortHistoryInMemoryStillKnowsTheChainOfEveryPosition) {
  std::map<uint64_t, Sha256Digest> chains;
  {
    const auto store = Open();
    chains[0] = store->root()->chain;
    for (int i = 0; i < 20; ++i) {
      CommitTo(*store, Edit(kClip, {Put("a", absl::StrCat(i))}));
      chains[store->root()->revision] = store->root()->chain;
    }
  }
  Store::Options options = Options();
  options.history_transactions = 2;
  const auto store = Open(options);
  EXPECT_EQ(store->history_floor(), 18u);
  EXPECT_FALSE(store->RecentChainAt(17).has_value());
  for (const auto& [revision, chain] : chains) EXPECT_EQ(*store->ChainAt(revision), chain);
}

TEST_F(DurableStoreTest, ARestartIsNoNewEpochAndACopyIs) {
  Epoch epoch;
  {
    const auto store = Open();
    epoch = store->root()->epoch;
    CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  }
  EXPECT_EQ(Open()->root()->epoch, epoch);
  const std::string copy = dir_.path() + "/copy";
  std::filesystem::copy(dir_.path() + "/.modelref", copy, std::filesystem::copy_options::recursive);
  Store::Options options = Options();
  options.directory = copy;
  const auto store = Open(options);
  EXPECT_NE(store->root()->epoch, epoch);
  ASSERT_EQ(store->root()->forks.size(), 1u);
  EXPECT_EQ(store->root()->forks[0].parent_epoch, epoch);
  EXPECT_EQ(store->root()->forks[0].parent_revision, 1u);
  EXPECT_EQ(store->root()->forks[0].first_revision, 2u);
  EXPECT_EQ(store->root()->forks[0].epoch, store->root()->epoch);
  EXPECT_EQ(Open()->root()->epoch, epoch) << "the original goes on";
}

TEST_F(DurableStoreTest, TwoStoresOnOneDirectorySeeEachOthersCommitsInOneOrder) {
  const auto one = Open();
  const auto two = Open();
  EXPECT_EQ(one->root()->epoch, two->root()->epoch);
  for (int i = 0; i < 20; ++i) {
    CommitTo(i % 2 == 0 ? *one : *two, Edit(kClip, {Put(absl::StrCat("m", i), "1")}));
  }
  EXPECT_TRUE(Reaches(*one, 20));
  EXPECT_TRUE(Reaches(*two, 20));
  ExpectSameContent(*one->root(), *two->root());
  EXPECT_EQ(one->History(0, 20)->size(), 20u);
  EXPECT_EQ(two->History(0, 20)->size(), 20u);
}

TEST_F(DurableStoreTest, NoUpdateIsLostBetweenStoresThatWriteAtTheSameTime) {
  constexpr int kStores = 4;
  constexpr int kUpdates = 50;
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < kStores; ++i) stores.push_back(Open());
  std::vector<std::thread> threads;
  for (int i = 0; i < kStores; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kUpdates; ++j) {
        EXPECT_NE(CommitTo(*stores[i], Edit(kClip, {Put(absl::StrCat("m", i, "-", j), "1")})), 0u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& store : stores) {
    EXPECT_TRUE(Reaches(*store, kStores * kUpdates));
    EXPECT_EQ(store->root()->Find(kClip)->document->record_count(), size_t{kStores * kUpdates});
    ExpectSameContent(*stores[0]->root(), *store->root());
  }
}

TEST_F(DurableStoreTest, ABodyDecidesAgainstWhatOthersCommittedBefore) {
  const auto one = Open();
  const auto two = Open();
  CommitTo(*one, Edit(kClip, {Put("a", "1")}));
  // No waiting: the second has perhaps not seen it yet, but its transaction does.
  bool seen = false;
  EXPECT_THAT(two->Commit(TransactionRequest{"test", "",
                                             [&](TransactionContext& context) {
                                               seen = context.base().Find(kClip)->document->Find(
                                                          "a") != nullptr;
                                               return absl::OkStatus();
                                             }}),
              IsOk());
  EXPECT_TRUE(seen);
}

TEST_F(DurableStoreTest, AFailingBodyUndoesItsRowsAndNobodyElses) {
  const auto store = Open();
  const auto write = [](absl::string_view name, absl::Status outcome) {
    return TransactionRequest{"test", "", [name, outcome](TransactionContext& context) {
                                absl::StatusOr<Statement> put = context.database().Prepare(
                                    "INSERT INTO projections (name, position) VALUES (?, 1)");
                                EXPECT_THAT(put, IsOk());
                                EXPECT_THAT(put->Bind(1, name).Run(), IsOk());
                                return outcome;
                              }};
  };
  EXPECT_THAT(store->Commit(write("good", absl::OkStatus())), IsOk());
  EXPECT_THAT(store->Commit(write("bad", absl::AbortedError("no"))),
              StatusIs(absl::StatusCode::kAborted));
  int64_t count = -1;
  EXPECT_THAT(store->Query([&](Database& database) -> absl::Status {
    count = *database.QueryInt("SELECT count(*) FROM projections");
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_EQ(count, 1);
}

TEST_F(DurableStoreTest, WaitingTransactionsShareOneCommitAndKeepTheirOrder) {
  const auto store = Open();
  std::vector<uint64_t> revisions;
  Mutex mutex;
  constexpr uint64_t kCount = 200;
  for (uint64_t i = 0; i < kCount; ++i) {
    TransactionRequest request{
        "test", "", [i](TransactionContext& context) {
          return context.Edit(Edit(kClip, {Put("counter", absl::StrCat(i))}));
        }};
    store->CommitAsync(std::move(request), [&](absl::StatusOr<CommitResult> result) {
      MutexLock lock(&mutex);
      EXPECT_THAT(result, IsOk());
      revisions.push_back(result->root->revision);
    });
  }
  CommitTo(*store, Edit(kImages, {Put("last", "1")}));
  MutexLock lock(&mutex);
  ASSERT_EQ(revisions.size(), kCount);
  for (uint64_t i = 0; i < kCount; ++i) EXPECT_EQ(revisions[i], i + 1);
}

TEST_F(DurableStoreTest, AMemberOfAGroupThatFailsAfterItWroteIsUndoneAndTheOthersStay) {
  auto store = Open();
  Event begun, go;
  store->CommitAsync({"test", "",
                      [&](TransactionContext&) {
                        begun.Set();
                        EXPECT_TRUE(go.Wait());
                        return absl::OkStatus();
                      }},
                     [](const absl::StatusOr<CommitResult>&) {});
  ASSERT_TRUE(begun.Wait());
  // These wait now, and so are one group.
  std::vector<absl::StatusOr<CommitResult>> results;
  const auto put = [&](absl::string_view name, TransactionFinish finish) {
    TransactionRequest request{"test", "", [name](TransactionContext& context) {
                                 return context.Edit(Edit(kClip, {Put(std::string(name), "1")}));
                               }};
    request.finish = std::move(finish);
    store->CommitAsync(std::move(request), [&](absl::StatusOr<CommitResult> result) {
      results.push_back(std::move(result));
    });
  };
  const auto fail = [](Database& database, const CommitResult&) -> absl::Status {
    EXPECT_THAT(database.Execute("INSERT INTO projections (name, position) VALUES ('bad', 1)"),
                IsOk());
    return absl::FailedPreconditionError("no");
  };
  put("a", nullptr);
  put("b", fail);
  put("c", nullptr);
  put("d", fail);
  go.Set();
  CommitTo(*store, Edit(kImages, {Put("last", "1")}));
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0]->root->revision, 1u);
  EXPECT_THAT(results[1], StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(results[2]->root->revision, 2u);
  EXPECT_THAT(results[3], StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(NamesOf(*store->root()->Find(kClip)->document), ElementsAre("a", "c"));
  const RootPtr before = store->root();
  store = nullptr;
  store = Open();
  ExpectSameContent(*before, *store->root());
  EXPECT_THAT(store->Query([&](Database& database) -> absl::Status {
    EXPECT_EQ(*database.QueryInt("SELECT count(*) FROM projections"), 0);
    EXPECT_EQ(*database.QueryInt("SELECT updates + creates FROM category_metadata m JOIN "
                                 "documents d ON d.id = m.document WHERE d.category = 'clip'"),
              2);
    return absl::OkStatus();
  }),
              IsOk());
}

TEST_F(DurableStoreTest, TimeNeverGoesBackward) {
  const auto store = Open();
  CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  const absl::Time first = store->root()->time;
  clock_.Advance(-absl::Hours(1));
  CommitTo(*store, Edit(kClip, {Put("a", "2")}));
  EXPECT_EQ(store->root()->time, first);
}

TEST_F(DurableStoreTest, ANewerDatabaseIsRefused) {
  Open();
  {
    auto database = *Database::Open(Options().directory + "/store.db", {});
    EXPECT_THAT(database->Execute("PRAGMA user_version = 999"), IsOk());
  }
  EXPECT_THAT(Store::Open({kClip}, clock_, Options()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

// --- Files that others take away -----------------------------------------------------------------

// Waits until a store that nobody writes to has noticed something.
bool IsFencedSoon(const Store& store) {
  for (int i = 0; i < 1000 && store.fenced().ok(); ++i) Pause(absl::Milliseconds(10));
  return !store.fenced().ok();
}

class TakenAwayTest : public DurableStoreTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(TakenAwayTest, NothingIsAcknowledgedThatNobodyWillFind) {
  const auto store = Open();
  CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  const RootPtr before = store->root();
  dir_.Remove(absl::StrCat(".modelref/", GetParam()));
  EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("a", "2")})}), HasReason("STORE_FENCED"));
  EXPECT_THAT(store->fenced(), HasReason("STORE_FENCED"));
  EXPECT_EQ(store->root()->revision, before->revision);
  EXPECT_EQ(store->root()->Find(kClip)->document->ToJson(), R"({"a":{"v":"1"}})");
}

TEST_P(TakenAwayTest, AStoreThatIsOnlyReadNoticesItToo) {
  const auto store = Open();
  CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  std::filesystem::rename(dir_.PathOf(absl::StrCat(".modelref/", GetParam())), dir_.PathOf("kept"));
  EXPECT_TRUE(IsFencedSoon(*store));
}

INSTANTIATE_TEST_SUITE_P(Files, TakenAwayTest,
                         ::testing::Values("store.db", "store.db-wal", "store.db-shm"),
                         [](const auto& file) {
                           const absl::string_view name = file.param;
                           return absl::StrCat("File", name.find('-') == name.npos
                                                           ? "db"
                                                           : name.substr(name.find('-') + 1));
                         });

TEST_F(DurableStoreTest, AStoreThatWasReplacedByItsBackupTakesNoMoreWrites) {
  const auto store = Open();
  CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  const std::string path = Options().directory + "/store.db";
  std::filesystem::copy_file(path, path + ".copy");
  std::filesystem::rename(path + ".copy", path);
  EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("a", "2")})}), HasReason("STORE_FENCED"));
}

TEST_F(DurableStoreTest, AFolderThatWasReplacedWhileTwoHadItOpenFencesBoth) {
  const auto first = Open();
  const auto second = Open();
  std::filesystem::rename(Options().directory, dir_.PathOf("moved"));
  const auto third = Open();
  for (Store* store : {first.get(), second.get()}) {
    EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("a", "1")})}), HasReason("STORE_FENCED"));
  }
  EXPECT_GT(CommitTo(*third, Edit(kClip, {Put("a", "2")})), 0u);
}

TEST_F(DurableStoreTest, AStoreThatANewerProgramMigratedTakesNoMoreWritesOfAnOlderOne) {
  const auto store = Open();
  const auto reader = Open();
  const uint64_t revision = CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  ASSERT_TRUE(Reaches(*reader, revision));
  {
    auto database = *Database::Open(Options().directory + "/store.db", {});
    EXPECT_THAT(database->Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion + 1)),
                IsOk());
  }
  EXPECT_THAT(store->Commit("test", {Edit(kClip, {Put("a", "2")})}), HasReason("STORE_FENCED"));
  EXPECT_TRUE(IsFencedSoon(*reader));
  EXPECT_EQ(reader->root()->Find(kClip)->document->ToJson(), R"({"a":{"v":"1"}})");
}

TEST_F(DurableStoreTest, AChangedByteInARecordIsDataLossAndNotServed) {
  {
    const auto store = Open();
    CommitTo(*store, Edit(kClip, {Put("a", "1")}));
  }
  {
    auto database = *Database::Open(Options().directory + "/store.db", {});
    EXPECT_THAT(database->Execute("UPDATE records SET json = '{\"v\":\"2\"}'"), IsOk());
  }
  EXPECT_THAT(Store::Open({kClip}, clock_, Options()), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(DurableStoreTest, DeletedModelsAreFoundInTheDatabase) {
  const auto store = Open();
  CommitTo(*store, Edit(kClip, PutMany(4, "1")));
  CommitTo(*store, Edit(kClip, {Remove("name0")}));
  CommitTo(*store, Edit(kClip, {Remove("name2")}), Edit(kImages, {Put("name3", "1")}));
  CommitTo(*store, Edit(kImages, {Remove("name3")}));
  EXPECT_THAT(*store->DeletedModels(kClip, 4, 8), ElementsAre("name0", "name2"));
  EXPECT_THAT(*store->DeletedModels(kClip, 5, 8), ElementsAre("name2"));
  EXPECT_THAT(*store->DeletedModels(kClip, 0, 5), ElementsAre("name0"));
}

TEST_F(DurableStoreTest, AnEmptyDocumentThatWasSeenStaysKnown) {
  {
    const auto store = Open();
    DocumentEdit edit = Edit(kClip, {});
    edit.from_source = true;
    CommitTo(*store, edit);
  }
  EXPECT_TRUE(Open()->root()->Find(kClip)->known);
  EXPECT_FALSE(Open()->root()->Find(kImages)->known);
}

}  // namespace
}  // namespace modelref

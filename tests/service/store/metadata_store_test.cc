// Metadata of documents as the store keeps it: what counts, who sees it, and that it follows from
// the history.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/store/metadata_rows.h"
#include "service/store/schema.h"
#include "service/store/store.h"
#include "service/store/store_check.h"
#include "tests/service/store/edits.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kDeadline;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::Put;
using ::modelref::testing::Remove;
using ::modelref::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MetadataStoreTest : public ::testing::Test {
 protected:
  MetadataStoreTest() { store_ = Open(); }

  std::unique_ptr<Store> Open() {
    Store::Options options;
    options.directory = dir_.PathOf(".modelref");
    auto store = Store::Open({kClip, kImages, kLegacyClip}, clock_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::unique_ptr<Database> OpenDatabase() const {
    auto database = Database::Open(dir_.PathOf(".modelref") + kDatabaseFile, {});
    EXPECT_TRUE(database.ok()) << database.status();
    return *std::move(database);
  }
  static CategoryMetadata Of(const Store& store, const DocumentKey& key) {
    const CategoryMetadataPtr metadata = store.root()->Find(key)->metadata;
    EXPECT_NE(metadata, nullptr) << key.ToString();
    return metadata == nullptr ? CategoryMetadata() : *metadata;
  }
  static bool HasAny(const Store& store, const DocumentKey& key) {
    return store.root()->Find(key)->metadata != nullptr;
  }
  std::vector<std::string> Problems() const {
    const absl::StatusOr<StoreCheck> check = CheckStore(*OpenDatabase());
    EXPECT_TRUE(check.ok()) << check.status();
    return check.ok() ? check->problems : std::vector<std::string>();
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(MetadataStoreTest, ADocumentHasNoneBeforeItsFirstOperation) {
  EXPECT_FALSE(HasAny(*store_, kClip));
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_TRUE(HasAny(*store_, kClip));
  EXPECT_FALSE(HasAny(*store_, kImages));
}

TEST_F(MetadataStoreTest, EveryStepOfATransactionIsCountedOnce) {
  const absl::Time begin = clock_.TimeNow();
  CommitTo(*store_, Edit(kClip, {Put("a", "1"), Put("b", "1"), Put("c", "1")}));
  clock_.Advance(absl::Seconds(5));
  CommitTo(*store_, Edit(kClip, {Put("a", "2"), Remove("b"), Put("b", "3"), Put("c", "1")}));
  const CategoryMetadata metadata = Of(*store_, kClip);
  EXPECT_EQ(metadata.creates, 4u);
  EXPECT_EQ(metadata.updates, 1u);
  EXPECT_EQ(metadata.deletes, 1u);
  EXPECT_EQ(metadata.last_operation, Operation::kCreate);
  EXPECT_EQ(metadata.last_model, "b");
  EXPECT_EQ(metadata.initialized, begin);
  EXPECT_EQ(metadata.last_updated, begin + absl::Seconds(5));
  EXPECT_EQ(metadata.errors, 0u);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, EqualContentIsNoOperation) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  const CategoryMetadataPtr before = store_->root()->Find(kClip)->metadata;
  clock_.Advance(absl::Seconds(5));
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_EQ(store_->root()->Find(kClip)->metadata, before);
}

TEST_F(MetadataStoreTest, ALegacyWriteCountsInTheLegacyMetadataOnly) {
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "1")}), Edit(kClip, {Put("a", "1")}));
  EXPECT_EQ(Of(*store_, kLegacyClip).creates, 1u);
  EXPECT_FALSE(HasAny(*store_, kClip));
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  EXPECT_EQ(Of(*store_, kClip).updates, 1u);
  EXPECT_EQ(Of(*store_, kLegacyClip).updates, 0u);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, AnAdoptionIsNoOperation) {
  ASSERT_THAT(store_->Commit("external:adopt", {Edit(kClip, {Put("a", "1")})}), IsOk());
  EXPECT_FALSE(HasAny(*store_, kClip));
  ASSERT_THAT(store_->Commit("external:file", {Edit(kClip, {Put("a", "2")})}), IsOk());
  EXPECT_EQ(Of(*store_, kClip).creates, 0u);
  EXPECT_EQ(Of(*store_, kClip).updates, 1u);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, ATransactionThatFailsCountsNothing) {
  TransactionRequest request;
  request.caller = "test";
  request.body = [](TransactionContext& context) {
    EXPECT_THAT(context.Edit(Edit(kClip, {Put("a", "1")})), IsOk());
    return absl::InvalidArgumentError("no");
  };
  EXPECT_FALSE(store_->Commit(std::move(request)).ok());
  EXPECT_FALSE(HasAny(*store_, kClip));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, AcceptedChangesThatFailedAreCountedWithoutAnEvent) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  const uint64_t revision = store_->root()->revision;
  DocumentEdit failed;
  failed.key = kClip;
  failed.failed_changes = 2;
  clock_.Advance(absl::Seconds(1));
  ASSERT_THAT(store_->Commit("test", {failed}), IsOk());
  EXPECT_EQ(Of(*store_, kClip).errors, 2u);
  EXPECT_EQ(Of(*store_, kClip).creates, 1u);
  EXPECT_EQ(Of(*store_, kClip).last_updated, clock_.TimeNow());
  EXPECT_EQ(store_->root()->revision, revision);
  EXPECT_THAT(Problems(), IsEmpty());
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  EXPECT_EQ(Of(*store_, kClip).errors, 2u);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, MetadataMayBeginBeforeTheFirstOperation) {
  DocumentEdit begin;
  begin.key = kClip;
  begin.begin_metadata = clock_.TimeNow();
  ASSERT_THAT(store_->Commit("test", {begin}), IsOk());
  const absl::Time began = clock_.TimeNow();
  EXPECT_EQ(Of(*store_, kClip), BeginMetadata(began));
  EXPECT_FALSE(store_->root()->Find(kClip)->known) << "nothing was said about its content";
  clock_.Advance(absl::Seconds(5));
  begin.begin_metadata = clock_.TimeNow();
  begin.changes = {Put("a", "1")};
  ASSERT_THAT(store_->Commit("test", {begin}), IsOk());
  EXPECT_EQ(Of(*store_, kClip).initialized, began);
  EXPECT_EQ(Of(*store_, kClip).creates, 1u);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, ItIsTheSameAfterARestart) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  clock_.Advance(absl::Microseconds(17));
  CommitTo(*store_, Edit(kClip, {Remove("a")}));
  const CategoryMetadata before = Of(*store_, kClip);
  store_.reset();
  store_ = Open();
  EXPECT_EQ(Of(*store_, kClip), before);
  CommitTo(*store_, Edit(kClip, {Remove("b")}));
  EXPECT_EQ(Of(*store_, kClip).deletes, 2u);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, OtherProcessesSeeIt) {
  const auto other = Open();
  const auto awaits = [&](auto condition) {
    const absl::Time end = RealClock().TimeNow() + kDeadline;
    while (!condition() && RealClock().TimeNow() < end) std::this_thread::yield();
    return condition();
  };
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}), Edit(kImages, {Put("x", "1")}));
  EXPECT_TRUE(awaits([&] { return other->root()->revision == store_->root()->revision; }));
  EXPECT_EQ(Of(*other, kClip), Of(*store_, kClip));
  EXPECT_EQ(Of(*other, kImages), Of(*store_, kImages));
  DocumentEdit failed;
  failed.key = kClip;
  failed.failed_changes = 1;
  ASSERT_THAT(store_->Commit("test", {failed}), IsOk());
  EXPECT_TRUE(awaits([&] { return Of(*other, kClip).errors == 1; })) << "it made no event";
  CommitTo(*other, Edit(kClip, {Put("a", "2")}));
  EXPECT_EQ(Of(*other, kClip).updates, 1u);
  EXPECT_EQ(Of(*other, kClip).errors, 1u);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, ThreadsOfSeveralProcessesLoseNoCounts) {
  constexpr int kThreads = 4;
  constexpr int kCommits = 50;
  const auto other = Open();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Store& store = i % 2 == 0 ? *store_ : *other;
      for (int n = 0; n < kCommits; ++n) {
        CommitTo(store, Edit(kClip, {Put(absl::StrCat(i, "-", n), "1")}));
        CommitTo(store, Edit(kClip, {Put("shared", absl::StrCat(i, "-", n))}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CommitTo(*store_, Edit(kClip, {Remove("shared")}));
  const CategoryMetadata metadata = Of(*store_, kClip);
  EXPECT_EQ(metadata.creates, kThreads * kCommits + 1u);
  EXPECT_EQ(metadata.updates, kThreads * kCommits - 1u);
  EXPECT_EQ(metadata.deletes, 1u);
  EXPECT_THAT(Problems(), IsEmpty());
}

// --- Upgrade, check, recount ---------------------------------------------------------------------

// A database as version 1 of the schema left it.
void Downgrade(Database& database) {
  EXPECT_THAT(database.Execute("DROP TABLE category_metadata; PRAGMA user_version = 1"), IsOk());
}

TEST_F(MetadataStoreTest, AnUpgradedStoreIsCountedFromItsEvents) {
  ASSERT_THAT(store_->Commit("external:adopt", {Edit(kImages, {Put("x", "1")})}), IsOk());
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "1")}), Edit(kClip, {Put("a", "1")}));
  CommitTo(*store_, Edit(kClip, {Put("a", "2"), Put("b", "1"), Remove("a")}));
  const CategoryMetadata clip = Of(*store_, kClip);
  const CategoryMetadata legacy = Of(*store_, kLegacyClip);
  store_.reset();
  Downgrade(*OpenDatabase());
  EXPECT_THAT(Problems(), IsEmpty()) << "a check leaves an older store as it is";
  store_ = Open();
  EXPECT_EQ(Of(*store_, kClip), clip);
  EXPECT_EQ(Of(*store_, kLegacyClip), legacy);
  EXPECT_FALSE(HasAny(*store_, kImages));
  EXPECT_THAT(Problems(), IsEmpty());
  ASSERT_OK_AND_ASSIGN(const int version, SchemaVersion(*OpenDatabase()));
  EXPECT_EQ(version, kSchemaVersion);
}

TEST_F(MetadataStoreTest, AFileOfAnUpgradedStoreIsWhereItsCountingBegan) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  store_.reset();
  Downgrade(*OpenDatabase());
  store_ = Open();
  store_.reset();
  CategoryMetadata file = BeginMetadata(absl::FromUnixSeconds(1000));
  file.creates = 40;
  file.errors = 2;
  const auto database = OpenDatabase();
  for (int i = 0; i < 2; ++i) {  // It is looked at once.
    ASSERT_OK_AND_ASSIGN(const int64_t id,
                         database->QueryInt("SELECT id FROM documents WHERE category = 'clip' AND "
                                            "format = 2"));
    ASSERT_THAT(TakeOverMetadata(*database, id, &file), IsOk());
  }
  EXPECT_THAT(Problems(), IsEmpty());
  store_ = Open();
  EXPECT_EQ(Of(*store_, kClip).creates, 41u);
  EXPECT_EQ(Of(*store_, kClip).errors, 2u);
  EXPECT_EQ(Of(*store_, kClip).initialized, absl::FromUnixSeconds(1000));
  CommitTo(*store_, Edit(kClip, {Put("b", "1")}));
  EXPECT_EQ(Of(*store_, kClip).creates, 42u);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(MetadataStoreTest, ACheckFindsWhatDoesNotFollowFromTheEventsAndARecountHealsIt) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}), Edit(kImages, {Put("x", "1")}));
  DocumentEdit failed;
  failed.key = kClip;
  failed.failed_changes = 1;
  ASSERT_THAT(store_->Commit("test", {failed}), IsOk());
  const CategoryMetadata clip = Of(*store_, kClip);
  const CategoryMetadata images = Of(*store_, kImages);
  store_.reset();
  for (const char* sql :
       {"UPDATE category_metadata SET creates = creates + 1",
        "UPDATE category_metadata SET last_model = 'other'",
        "UPDATE category_metadata SET initialized_us = 1",
        "UPDATE category_metadata SET last_success_us = NULL",
        "UPDATE category_metadata SET last_updated_us = 1",
        "DELETE FROM category_metadata WHERE errors = 0",
        "INSERT INTO category_metadata SELECT id, 1, NULL, NULL, 0, 0, 0, 1, 1, 0, 0, '' FROM "
        "documents WHERE format = 1",
        "UPDATE category_metadata SET base = '{\"total_creates\": 5}'"}) {
    SCOPED_TRACE(sql);
    const auto database = OpenDatabase();
    ASSERT_THAT(database->Execute(sql), IsOk());
    const std::vector<std::string> problems = Problems();
    ASSERT_FALSE(problems.empty());
    EXPECT_THAT(problems.front(), HasSubstr("metadata"));
    ASSERT_THAT(database->Execute("UPDATE category_metadata SET base = ''"), IsOk());
    ASSERT_THAT(RecountMetadata(*database), IsOk());
    EXPECT_THAT(Problems(), IsEmpty());
  }
  store_ = Open();
  EXPECT_EQ(Of(*store_, kImages), images);
  EXPECT_EQ(Of(*store_, kClip).errors, clip.errors);
  EXPECT_FALSE(HasAny(*store_, kLegacyClip));
}

TEST_F(MetadataStoreTest, HistoryMayBeForgottenOnceItIsFolded) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  CategoryMetadata before = Of(*store_, kClip);
  store_.reset();
  const auto database = OpenDatabase();
  ASSERT_THAT(FoldMetadata(*database, clock_.TimeNow() + absl::Seconds(9)), IsOk());
  ASSERT_THAT(database->Execute("DELETE FROM events"), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto history, MetadataOfHistory(*database));
  before.last_updated += absl::Seconds(9);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history.begin()->second, before);
}

}  // namespace
}  // namespace modelref

#include "service/store/store_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/store/store.h"
#include "tests/service/store/edits.h"
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
using ::modelref::testing::kImages;
using ::modelref::testing::Put;
using ::modelref::testing::Remove;
using ::modelref::testing::TempDir;

// A store with some history, closed; its database open.
class StoreCheckTest : public ::testing::Test {
 protected:
  StoreCheckTest() {
    Store::Options options;
    options.directory = dir_.PathOf(".modelref");
    auto store = Store::Open({kClip, kImages}, clock_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    CommitTo(**store, Edit(kClip, {Put("a", "1"), Put("b", "1")}), Edit(kImages, {Put("x", "1")}));
    CommitTo(**store, Edit(kClip, {Put("a", "2"), Remove("b"), Put("b", "3")}));
    CommitTo(**store, Edit(kClip, {Remove("a")}));
    store->reset();
    auto database = Database::Open(options.directory + kDatabaseFile, {});
    EXPECT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
  }
  uint64_t ProblemsAfter(const std::string& sql) {
    EXPECT_THAT(database_->Execute(sql), IsOk());
    const absl::StatusOr<StoreCheck> check = CheckStore(*database_);
    EXPECT_TRUE(check.ok()) << check.status();
    return check.ok() ? check->problem_count : 0;
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Database> database_;
};

TEST_F(StoreCheckTest, AnUntouchedStoreIsIntact) {
  ASSERT_OK_AND_ASSIGN(const StoreCheck check, CheckStore(*database_));
  EXPECT_EQ(check.problem_count, 0u);
  EXPECT_EQ(check.transactions, 3u);
  EXPECT_EQ(check.events, 7u);
}

TEST_F(StoreCheckTest, TheFactsAreThoseOfTheHead) {
  ASSERT_OK_AND_ASSIGN(const StoreFacts facts, ReadStoreFacts(*database_));
  EXPECT_EQ(facts.revision, 7u);
  EXPECT_EQ(facts.epoch.size(), 16u);
  EXPECT_EQ(facts.documents, 2u);
  EXPECT_EQ(facts.models, 2u);
  EXPECT_EQ(facts.transactions, 3u);
  EXPECT_EQ(facts.events, 7u);
  EXPECT_EQ(facts.files_behind, 2u);
}

TEST_F(StoreCheckTest, AChangedRecordIsFound) {
  EXPECT_GT(ProblemsAfter("UPDATE records SET json = '{}' WHERE name = 'x'"), 0u);
}

TEST_F(StoreCheckTest, AChangedEventIsFound) {
  EXPECT_GT(ProblemsAfter("UPDATE events SET after = '{}' WHERE id = 1"), 0u);
}

TEST_F(StoreCheckTest, AMissingEventIsFound) {
  EXPECT_GT(ProblemsAfter("DELETE FROM events WHERE id = 5"), 0u);
}

TEST_F(StoreCheckTest, AChangedCallerIsFound) {
  EXPECT_GT(ProblemsAfter("UPDATE transactions SET caller = 'somebody' WHERE revision = 3"), 0u);
}

TEST_F(StoreCheckTest, AChangedVersionIsFound) {
  EXPECT_GT(ProblemsAfter("UPDATE versions SET etag = x'00' WHERE revision = 3"), 0u);
}

}  // namespace
}  // namespace modelref

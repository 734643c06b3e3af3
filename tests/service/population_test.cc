#include "service/population.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
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
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::Put;
using ::modelref::testing::StatusIs;

class PopulationTest : public ::testing::Test {
 protected:
  PopulatedDocument Populate(const DocumentKey& key, bool only_tell = false) {
    const auto populated = PopulateDocument(store_, key, clock_.TimeNow(), only_tell);
    EXPECT_THAT(populated, IsOk());
    return populated.value_or(PopulatedDocument());
  }
  std::string JsonOf(const std::string& name) const {
    const Entry* entry = store_.root()->Find(kClip)->document->Find(name);
    return entry == nullptr ? "" : entry->record->json;
  }
  void Adopt(const DocumentKey& key, std::vector<RecordChange> changes) {
    EXPECT_THAT(store_.Commit("external:adopt", {Edit(key, std::move(changes))}), IsOk());
  }

  FakeClock clock_;  // 1,700,000,000.
  Store store_{{kClip, kLegacyClip}, clock_, Store::Options()};
};

TEST_F(PopulationTest, ModelsGetTheTimeWhenTheMetadataBegan) {
  Adopt(kClip,
        {{"a", MakeRecord("a", R"({"name":"a"})")},
         {"b", MakeRecord("b", R"({"metadata":{"created_at":5,"created_by":"x"},"n":1.50})")},
         {"c", MakeRecord("c", R"({"metadata":{"created_at":5,"updated_at":6}})")}});
  const PopulatedDocument populated = Populate(kClip);
  EXPECT_TRUE(populated.began);
  EXPECT_EQ(populated.models, 2u);
  EXPECT_EQ(populated.time, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(JsonOf("a"),
            R"({"name":"a","metadata":{"created_at":1700000000,"updated_at":1700000000}})");
  EXPECT_EQ(JsonOf("b"),
            R"({"metadata":{"created_at":5,"created_by":"x","updated_at":1700000000},"n":1.50})");
  EXPECT_EQ(JsonOf("c"), R"({"metadata":{"created_at":5,"updated_at":6}})");
  EXPECT_EQ(store_.root()->Find(kClip)->metadata->updates, 2u);
}

TEST_F(PopulationTest, ARecordThatIsBrokenInItsFileIsLeftAlone) {
  DocumentEdit edit = Edit(kClip, {Put("a", "1"), Put("b", "1")});
  edit.from_source = true;
  edit.problems = {{"a", 1, "NaN", "\"a\": NaN"}};
  CommitTo(store_, edit);
  EXPECT_EQ(Populate(kClip).models, 1u);
  EXPECT_EQ(JsonOf("a"), R"({"v":"1"})");
  EXPECT_EQ(store_.root()->Find(kClip)->problems.size(), 1u);
}

TEST_F(PopulationTest, IsOneTransactionByItsOwnName) {
  Adopt(kClip, {Put("a", "1"), Put("b", "1")});
  const uint64_t before = store_.root()->revision;
  Populate(kClip);
  const auto history = store_.History(before, store_.root()->revision);
  ASSERT_TRUE(history.has_value());
  ASSERT_EQ(history->size(), 1u);
  EXPECT_EQ(history->front()->caller, "system:populate");
}

TEST_F(PopulationTest, ASecondTimeFindsNothing) {
  Adopt(kClip, {Put("a", "1")});
  Populate(kClip);
  const RootPtr root = store_.root();
  clock_.Advance(absl::Hours(1));
  const PopulatedDocument again = Populate(kClip);
  EXPECT_FALSE(again.began);
  EXPECT_EQ(again.models, 0u);
  EXPECT_EQ(store_.root(), root);
}

TEST_F(PopulationTest, LaterModelsGetTheSameTime) {
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  clock_.Advance(absl::Hours(1));
  CommitTo(store_, Edit(kClip, {Put("b", "1")}));
  const PopulatedDocument populated = Populate(kClip);
  EXPECT_FALSE(populated.began);
  EXPECT_EQ(populated.models, 2u);
  EXPECT_EQ(populated.time, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_THAT(JsonOf("b"), ::testing::HasSubstr("\"created_at\":1700000000"));
}

TEST_F(PopulationTest, OnlyTellingChangesNothing) {
  Adopt(kClip, {Put("a", "1")});
  const RootPtr root = store_.root();
  const PopulatedDocument told = Populate(kClip, true);
  EXPECT_TRUE(told.began);
  EXPECT_EQ(told.models, 1u);
  EXPECT_EQ(store_.root(), root);
}

TEST_F(PopulationTest, RecordsOfALegacyDocumentStayAsTheyAre) {
  Adopt(kLegacyClip, {Put("a", "1")});
  const uint64_t revision = store_.root()->revision;
  const PopulatedDocument populated = Populate(kLegacyClip);
  EXPECT_TRUE(populated.began);
  EXPECT_EQ(populated.models, 0u);
  EXPECT_EQ(store_.root()->revision, revision);
  EXPECT_NE(store_.root()->Find(kLegacyClip)->metadata, nullptr);
}

TEST_F(PopulationTest, ADocumentThatNeverHadContentStaysWithoutMetadata) {
  const PopulatedDocument populated = Populate(kClip);
  EXPECT_FALSE(populated.began);
  EXPECT_EQ(store_.root()->Find(kClip)->metadata, nullptr);
}

TEST_F(PopulationTest, AnEmptyDocumentGetsMetadata) {
  Adopt(kClip, {});
  EXPECT_TRUE(Populate(kClip).began);
  EXPECT_NE(store_.root()->Find(kClip)->metadata, nullptr);
}

TEST_F(PopulationTest, ADamagedDocumentIsLeftAsItIs) {
  store_.SetDamage(kClip, absl::DataLossError("line 3"));
  EXPECT_THAT(PopulateDocument(store_, kClip, clock_.TimeNow(), false),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(PopulateDocument(store_, {"no", Format::kV2}, clock_.TimeNow(), false),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace modelref

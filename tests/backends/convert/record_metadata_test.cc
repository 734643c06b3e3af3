#include "backends/convert/record_metadata.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

JsonObject Object(absl::string_view text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << json.status();
  return *json->AsObject();
}

std::string Text(const JsonObject& object) { return CanonicalJson(Json(object)); }

struct FillCase {
  const char* before;
  const char* after;  // Null: nothing was missing.
};

class FillMissingTimesTest : public ::testing::TestWithParam<FillCase> {};

TEST_P(FillMissingTimesTest, FillsWhatIsMissingInItsPlaceAndNothingElse) {
  JsonObject record = Object(GetParam().before);
  const bool changed = FillMissingTimes(&record, 1795211759);
  EXPECT_EQ(changed, GetParam().after != nullptr);
  EXPECT_EQ(Text(record), GetParam().after == nullptr ? GetParam().before : GetParam().after);
  EXPECT_FALSE(FillMissingTimes(&record, 5)) << "a second time";
}

INSTANTIATE_TEST_SUITE_P(
    Records, FillMissingTimesTest,
    ::testing::Values(
        FillCase{R"({})", R"({"metadata":{"created_at":1795211759,"updated_at":1795211759}})"},
        FillCase{R"({"name":"m0","metadata":null,"z":1})",
                 R"({"name":"m0","metadata":{"created_at":1795211759,"updated_at":1795211759},)"
                 R"("z":1})"},
        FillCase{R"({"metadata":{"schema_version":"2.0.0","created_at":7}})",
                 R"({"metadata":{"schema_version":"2.0.0","created_at":7,)"
                 R"("updated_at":1795211759}})"},
        FillCase{R"({"metadata":{"updated_at":null,"created_at":7,"mine":[1.0]}})",
                 R"({"metadata":{"updated_at":1795211759,"created_at":7,"mine":[1.0]}})"},
        FillCase{R"({"metadata":{"created_at":0,"updated_at":"yesterday"}})", nullptr},
        FillCase{R"({"metadata":"none of your business"})", nullptr},
        FillCase{R"({"metadata":[]})", nullptr}));

struct UpdateCase {
  const char* name;
  const char* stored;
  const char* record;
  const char* after;
  bool changed;
};

constexpr UpdateCase kUpdates[] = {
    {"CreationIsKeptAndTheUpdateTimeMoves",
     R"({"a":1,"metadata":{"created_at":7,"updated_at":8,"created_by":"1","updated_by":"2"}})",
     R"({"a":2,"metadata":{"created_at":70,"updated_at":80,"updated_by":"3"}})",
     R"({"a":2,"metadata":{"created_at":7,"updated_at":100,"updated_by":"3","created_by":"1"}})",
     true},
    {"ARecordWithoutMetadataKeepsTheStoredOne",
     R"({"a":1,"metadata":{"schema_version":"2.0.0","created_at":7,"updated_at":8,"mine":1}})",
     R"({"a":2})",
     R"({"a":2,"metadata":{"schema_version":"2.0.0","created_at":7,"updated_at":100,"mine":1}})",
     true},
    {"WithoutStoredTimesThoseOfTheRecordStand", R"({"a":1,"metadata":{"created_at":null}})",
     R"({"a":2,"metadata":{"created_at":70,"created_by":"x"}})",
     R"({"a":2,"metadata":{"created_at":70,"created_by":"x","updated_at":100}})", true},
    {"NeitherHasMetadata", R"({"a":1})", R"({"a":2})", R"({"a":2,"metadata":{"updated_at":100}})",
     true},
    {"TheSameContentIsNoUpdate", R"({"a":1,"b":[{}],"metadata":{"created_at":7,"updated_at":8}})",
     R"({"metadata":{"updated_at":5},"b":[{}],"a":1})",
     R"({"a":1,"b":[{}],"metadata":{"created_at":7,"updated_at":8}})", false},
    {"TheSameContentWithoutMetadataIsNoUpdate", R"({"a":1,"metadata":{"updated_by":"2"}})",
     R"({"a":1})", R"({"a":1,"metadata":{"updated_by":"2"}})", false},
    {"TheSameContentOfARecordThatNeverHadMetadata", R"({"a":1})", R"({"a":1,"metadata":null})",
     R"({"a":1})", false},
    {"OtherMetadataIsAnUpdate", R"({"a":1,"metadata":{"created_at":7,"updated_at":8}})",
     R"({"a":1,"metadata":{"updated_by":"2"}})",
     R"({"a":1,"metadata":{"updated_by":"2","created_at":7,"updated_at":100}})", true},
    {"AnotherMemberOfTheSameNumberIsAnUpdate", R"({"a":1,"metadata":{"updated_at":8}})",
     R"({"b":1})", R"({"b":1,"metadata":{"updated_at":100}})", true},
    {"StoredMetadataOfAnotherTypeIsNotUsed", R"({"a":1,"metadata":[7]})",
     R"({"a":1,"metadata":{"created_at":3}})",
     R"({"a":1,"metadata":{"created_at":3,"updated_at":100}})", true},
    {"MetadataOfAnotherTypeIsLeftToTheCheck", R"({"a":1})", R"({"a":1,"metadata":"x"})",
     R"({"a":1,"metadata":"x"})", true},
};

class StampUpdateTest : public ::testing::TestWithParam<UpdateCase> {};

TEST_P(StampUpdateTest, FollowsTheRulesOfMetadata) {
  JsonObject record = Object(GetParam().record);
  EXPECT_EQ(StampUpdate(Object(GetParam().stored), 100, &record), GetParam().changed);
  EXPECT_EQ(Text(record), GetParam().after);
}

INSTANTIATE_TEST_SUITE_P(Records, StampUpdateTest, ::testing::ValuesIn(kUpdates),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(StampUpdateLargeTest, VeryManyMembersInAnotherOrderAreComparedQuickly) {
  JsonObject stored;
  for (int i = 0; i < 150'000; ++i) {
    stored.members().emplace_back(absl::StrCat(i), Json::Number(i));
  }
  JsonObject record;
  record.members().assign(stored.members().rbegin(), stored.members().rend());
  EXPECT_FALSE(StampUpdate(stored, 100, &record));
  EXPECT_EQ(record.members().front().first, "0");
}

}  // namespace
}  // namespace modelref

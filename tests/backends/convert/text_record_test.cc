#include "backends/convert/text_record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

JsonObject Object(absl::string_view text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << json.status() << " in " << text;
  return *json->AsObject();
}

std::string Text(const Json& value) { return CanonicalJson(value); }

std::string Member(const JsonObject& record, absl::string_view name) {
  const Json* value = record.Find(name);
  return value == nullptr ? "absent" : Text(*value);
}

struct ParametersCase {
  const char* json;
  const char* result;  // Null: refused.
};

class ParametersTest : public ::testing::TestWithParam<ParametersCase> {};

// H 7 135 and W-C3: under either of the two names.
TEST_P(ParametersTest, BecomeAPositiveIntegerOrAreRefused) {
  for (const Format format : {Format::kV2, Format::kLegacy}) {
    for (const char* name : {"parameters", "parameters_count"}) {
      JsonObject record = Object(absl::StrCat(R"({"a":1,")", name, R"(":)", GetParam().json, "}"));
      const RecordCheck check = ProcessTextRecord(format, "A/M", &record);
      EXPECT_EQ(check.ok(), GetParam().result != nullptr) << GetParam().json;
      if (GetParam().result == nullptr) {
        EXPECT_EQ(check.violations.back().field, "parameters");
        continue;
      }
      EXPECT_EQ(Member(record, "parameters"), GetParam().result);
      EXPECT_EQ(Member(record, "parameters_count"), "absent");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Values, ParametersTest,
    ::testing::Values(ParametersCase{"7000000000", "7000000000"}, ParametersCase{"1", "1"},
                      ParametersCase{"7e9", "7000000000"}, ParametersCase{"1.9", "1"},
                      ParametersCase{R"("7000000000")", "7000000000"},
                      ParametersCase{R"(" 7_000.0 ")", "7000"},
                      ParametersCase{R"("1.5e3")", "1500"}, ParametersCase{"0", nullptr},
                      ParametersCase{"0.9", nullptr}, ParametersCase{"-1", nullptr},
                      ParametersCase{"null", nullptr}, ParametersCase{"true", nullptr},
                      ParametersCase{R"("")", nullptr}, ParametersCase{R"("seven")", nullptr},
                      ParametersCase{R"("inf")", nullptr}, ParametersCase{R"("nan")", nullptr},
                      ParametersCase{"1e400", nullptr},
                      ParametersCase{"9223372036854775808", nullptr},
                      ParametersCase{"[7]", nullptr}, ParametersCase{"{}", nullptr}));

TEST(TextRecordTest, ParametersMayBeSaidTwiceButNotDifferently) {
  JsonObject same = Object(R"({"parameters":"7e9","parameters_count":7000000000})");
  EXPECT_TRUE(ProcessTextRecord(Format::kV2, "A/M", &same).ok());
  EXPECT_EQ(Member(same, "parameters"), "7000000000");
  JsonObject other = Object(R"({"parameters":7,"parameters_count":8})");
  const RecordCheck check = ProcessTextRecord(Format::kV2, "A/M", &other);
  ASSERT_EQ(check.violations.size(), 1u);
  EXPECT_EQ(check.violations[0].field, "parameters_count");
  JsonObject missing = Object("{}");
  EXPECT_EQ(ProcessTextRecord(Format::kV2, "A/M", &missing).violations[0].description,
            "is missing");
}

struct SettingsCase {
  const char* json;
  const char* result;  // Null: refused.
};

class SettingsTest : public ::testing::TestWithParam<SettingsCase> {};

TEST_P(SettingsTest, AreAnObjectOfKnownSamplersOrAreRefused) {
  JsonObject record = Object(absl::StrCat(R"({"parameters":1,"settings":)", GetParam().json, "}"));
  const RecordCheck check = ProcessTextRecord(Format::kLegacy, "A/M", &record);
  EXPECT_EQ(check.ok(), GetParam().result != nullptr);
  if (check.ok()) {
    EXPECT_EQ(Member(record, "settings"), GetParam().result);
  } else {
    EXPECT_TRUE(absl::StartsWith(check.violations[0].field, "settings"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Values, SettingsTest,
    ::testing::Values(SettingsCase{R"({"temperature":0.70,"sampler_order":[6,0]})",
                                   R"({"temperature":0.7,"sampler_order":[6,0]})"},
                      SettingsCase{R"("{\"top_p\": 0.9, \"singleline\": false}")",
                                   R"({"top_p":0.9,"singleline":false})"},
                      SettingsCase{R"({"stop_sequence":["\n\"","ü"]})",
                                   R"({"stop_sequence":["\n\"","ü"]})"},
                      SettingsCase{R"("")", "absent"}, SettingsCase{"null", "absent"},
                      SettingsCase{"{}", "absent"}, SettingsCase{R"("{}")", "absent"},
                      SettingsCase{R"({"temprature":1})", nullptr},
                      SettingsCase{R"({"temperature":null})", nullptr},
                      SettingsCase{R"({"temperature":{"a":1}})", nullptr},
                      SettingsCase{R"({"top_k":[1,"x"]})", nullptr},
                      SettingsCase{R"("top_k=1")", nullptr}, SettingsCase{R"("[1]")", nullptr},
                      SettingsCase{"[1]", nullptr}, SettingsCase{"7", nullptr}));

TEST(TextRecordTest, ALegacyRecordBecomesWhatReadersOfTheTableGet) {
  JsonObject record = Object(R"({"mine":{"a":null},"tags":"zeta, alpha,,zeta","url":"",
      "parameters":2500000000,"style":"chat","description":null,"nsfw":true,"version":"3"})");
  const RecordCheck check = ProcessTextRecord(Format::kLegacy, "Author/Marx-3B_V3", &record);
  ASSERT_TRUE(check.ok()) << ViolationError(check, "m", "");
  EXPECT_EQ(Text(Json(record)),
            R"({"name":"Author/Marx-3B_V3","model_name":"Marx-3B_V3","baseline":"",)"
            R"("parameters":2500000000,"description":"","version":"3","style":"chat","nsfw":true,)"
            R"("tags":["2B","alpha","chat","zeta"],"display_name":"Marx 3B V3",)"
            R"("mine":{"a":null}})");
  const JsonObject once = record;
  EXPECT_TRUE(ProcessTextRecord(Format::kLegacy, "Author/Marx-3B_V3", &record).ok());
  EXPECT_EQ(Text(Json(record)), Text(Json(once)));
}

TEST(TextRecordTest, AV2RecordKeepsItsOrderAndGetsNoModelName) {
  JsonObject record = Object(R"({"url":"u","name":"A/M","style":"","parameters_count":7000000000,
      "instruct_format":"","mine":[],"metadata":{},"settings":{"top_p":0.70}})");
  ASSERT_TRUE(ProcessTextRecord(Format::kV2, "A/M", &record).ok());
  EXPECT_EQ(Text(Json(record)),
            R"({"url":"u","name":"A/M","style":"generalist","parameters":7000000000,"mine":[],)"
            R"("metadata":{},"settings":{"top_p":0.70},"tags":["7B"],"display_name":"M",)"
            R"("baseline":"","description":"","version":"1","nsfw":false})");
}

TEST(TextRecordTest, NoTagAccumulatesWhenTheSizeChanges) {
  JsonObject record = Object(R"({"parameters":7000000000,"tags":["x"]})");
  ASSERT_TRUE(ProcessTextRecord(Format::kLegacy, "A/M", &record).ok());
  EXPECT_EQ(Member(record, "tags"), R"(["7B","x"])");
  record.Set("parameters", Json::Number(8'000'000'000));
  ASSERT_TRUE(ProcessTextRecord(Format::kLegacy, "A/M", &record).ok());
  EXPECT_EQ(Member(record, "tags"), R"(["8B","x"])");
}

TEST(TextRecordTest, TheDefaultStyleIsNotMaterialised) {
  JsonObject record = Object(R"({"parameters":7000000000,"style":"generalist"})");
  ASSERT_TRUE(ProcessTextRecord(Format::kLegacy, "A/M", &record).ok());
  EXPECT_EQ(Member(record, "tags"), R"(["7B"])");
  record.Set("tags", JsonArray{Json("generalist")});
  ASSERT_TRUE(ProcessTextRecord(Format::kLegacy, "A/M", &record).ok());
  EXPECT_EQ(Member(record, "tags"), R"(["7B","generalist"])");
}

TEST(TextRecordTest, AStyleIsATagAndMustBeOne) {
  JsonObject record = Object(R"({"parameters":1,"style":" chat\n"})");
  ASSERT_TRUE(ProcessTextRecord(Format::kV2, "A/M", &record).ok());
  EXPECT_EQ(Member(record, "style"), R"("chat")");
  EXPECT_EQ(Member(record, "tags"), R"(["0B","chat"])");
  record.Set("style", "chat,code");
  EXPECT_EQ(ProcessTextRecord(Format::kV2, "A/M", &record).violations[0].field, "style");
}

TEST(TextRecordTest, PrefixedNamesAndAddressesAreRefused) {
  for (const char* name : {"aphrodite/A/M", "koboldcpp/M", "https://x/y"}) {
    for (const Format format : {Format::kV2, Format::kLegacy}) {
      JsonObject record = Object(R"({"parameters":1})");
      const RecordCheck check = ProcessTextRecord(format, name, &record);
      ASSERT_FALSE(check.ok());
      EXPECT_EQ(check.violations[0].reason,
                absl::StrContains(name, "://") ? "BAD_MODEL_NAME" : "BACKEND_PREFIXED_NAME");
    }
  }
}

struct TableCase {
  const char* name;
  const char* record;
  const char* field;
};

class TableTest : public ::testing::TestWithParam<TableCase> {};

// One row that cannot be read back would damage the table of all.
TEST_P(TableTest, WhatModelsCsvCannotHoldIsRefusedInLegacyForm) {
  JsonObject record = Object(GetParam().record);
  const RecordCheck check = ProcessTextRecord(Format::kLegacy, GetParam().name, &record);
  ASSERT_FALSE(check.ok());
  EXPECT_EQ(check.violations[0].field, GetParam().field) << check.violations[0].description;
}

INSTANTIATE_TEST_SUITE_P(
    Records, TableTest,
    ::testing::Values(TableCase{"M", R"({"parameters":1,"description":"\ud800"})", ""},
                      TableCase{" M", R"({"parameters":1})", "name"},
                      TableCase{"M", R"({"parameters":9007199254740993})", "parameters"},
                      TableCase{"M", R"({"parameters":1,"url":7})", "url"}));

TEST(TextRecordTest, LineEndsQuotesAndCommasFitIntoATable) {
  JsonObject record =
      Object(R"({"parameters":1,"description":"a\r\nb\"c,\n","display_name":"x,y","url":"\""})");
  EXPECT_TRUE(ProcessTextRecord(Format::kLegacy, "A/M\"x, y", &record).ok());
}

TEST(TextRecordTest, AVeryLargeCellIsRefusedInLegacyForm) {
  // Six bytes for each in the table.
  JsonObject record = Object(R"({"parameters":1})");
  JsonObject settings;
  settings.Set("stop_sequence", std::string(300'000, '\x7F'));
  record.Set("settings", Json(settings));
  JsonObject v2 = record;
  EXPECT_FALSE(ProcessTextRecord(Format::kLegacy, "M", &record).ok());
  EXPECT_TRUE(ProcessTextRecord(Format::kV2, "M", &v2).ok());
}

// Python's csv module reads no cell of more characters, and nothing behind it.
TEST(TextRecordTest, ACellHoldsAsManyCharactersAsPythonReads) {
  const auto refused = [](const std::string& description) {
    JsonObject record = Object(R"({"parameters":1})");
    record.Set("description", description);
    std::vector<std::string> fields;
    for (const RecordViolation& violation :
         ProcessTextRecord(Format::kLegacy, "M", &record).violations) {
      fields.push_back(violation.field);
    }
    return fields;
  };
  EXPECT_TRUE(refused(std::string(131072, 'x')).empty());
  EXPECT_EQ(refused(std::string(131073, 'x')), std::vector<std::string>{"description"});
  std::string wide;
  for (int i = 0; i < 131072; ++i) wide += "é";
  EXPECT_TRUE(refused(wide).empty());
  EXPECT_EQ(refused(wide + "é"), std::vector<std::string>{"description"});
}

TEST(TextRecordTest, WhatATableCannotHoldIsListedBesideWhatDoesNotFit) {
  JsonObject record = Object(R"({"parameters":true,"tags":[7],"display_name":"\ud800","url":5})");
  const std::string name(503, 'x');
  std::vector<std::string> fields;
  for (const RecordViolation& violation :
       ProcessTextRecord(Format::kLegacy, name, &record).violations) {
    fields.push_back(violation.field);
  }
  EXPECT_EQ(fields, (std::vector<std::string>{"parameters", "tags[0]", "name", "name", ""}));
}

TEST(TextRecordTest, NamesLeaveRoomForThePrefixesInLegacyForm) {
  const std::string name(503, 'x');
  JsonObject record = Object(R"({"parameters":1})");
  JsonObject v2 = record;
  const RecordCheck check = ProcessTextRecord(Format::kLegacy, name, &record);
  ASSERT_FALSE(check.ok());
  EXPECT_EQ(check.violations[0].reason, "BAD_MODEL_NAME");
  EXPECT_TRUE(ProcessTextRecord(Format::kV2, name, &v2).ok());
}

TEST(TextLegacyEntriesTest, AreThreeThatDifferInTheirNames) {
  JsonObject record = Object(R"({"parameters":1,"nsfw":true,"version":"2","mine":1})");
  ASSERT_TRUE(ProcessTextRecord(Format::kLegacy, "A/M", &record).ok());
  const auto entries = TextLegacyEntries("A/M", record);
  const std::vector<std::string> names = {"A/M", "aphrodite/A/M", "koboldcpp/M"};
  EXPECT_EQ(TextLegacyEntryNames("A/M"), names);
  ASSERT_EQ(entries.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(entries[i].first, names[i]);
    JsonObject expected = record;
    expected.Set("name", names[i]);
    EXPECT_EQ(entries[i].second, Json(expected));
  }
}

}  // namespace
}  // namespace modelref

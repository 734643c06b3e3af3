// The real catalogues through everything a write does.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "backends/convert/legacy_to_v2.h"
#include "backends/convert/record_write.h"
#include "backends/convert/text_names.h"
#include "backends/convert/text_record.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::ReadShared;

constexpr char kOtherName[] =
    "name: \"control_qr_xl\" is not the name of the model, "
    "\"control_qr_sdxl\"";

JsonObject ReadRecords(const std::string& path) {
  const absl::StatusOr<Json> json = ParseJson(ReadShared(path));
  EXPECT_TRUE(json.ok()) << path;
  return *json->AsObject();
}

// One model of the catalogue has another name than its key: the only record that could not be
// written as it is.
void ExpectNoViolations(const RecordCheck& check, const std::string& model) {
  for (const RecordViolation& violation : check.violations) {
    EXPECT_EQ(absl::StrCat(violation.field, ": ", violation.description), kOtherName) << model;
  }
}

class RealRecordsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RealRecordsTest, LegacyRecordsAreWrittenAsTheyAreAndDeriveTheirConversion) {
  SKIP_WITHOUT_SHARED_DATA();
  const Category& category = *FindBuiltInCategory(GetParam());
  const JsonObject records =
      ReadRecords(absl::StrCat("data/AI-Horde-image-model-reference/", category.legacy_file));
  ASSERT_FALSE(records.empty());
  for (const auto& [model, record] : records.members()) {
    JsonObject prepared = *record.AsObject();
    ExpectNoViolations(PrepareRecord(category, Format::kLegacy, model, &prepared), model);
    EXPECT_EQ(Json(prepared), record) << model;
    const ConvertedRecord converted = ConvertLegacyFields(category, model, prepared);
    ASSERT_OK_AND_ASSIGN(const Json v2, DeriveV2Record(category, model, record, nullptr, nullptr));
    // Again over itself: nothing is added, moved or lost.
    ASSERT_OK_AND_ASSIGN(const Json again,
                         DeriveV2Record(category, model, record, v2.AsObject(), nullptr));
    EXPECT_EQ(CanonicalJson(again), CanonicalJson(v2));
    if (CanonicalJson(v2).find("civitai") == std::string::npos) {
      EXPECT_EQ(CanonicalJson(v2), CanonicalJson(converted.record)) << model;
    }
    ExpectNoViolations(CheckV2Record(category, model, *v2.AsObject()), model);
  }
}

TEST_P(RealRecordsTest, TheOriginalsV2RecordsAreWrittenAsTheyAre) {
  SKIP_WITHOUT_SHARED_DATA();
  const Category& category = *FindBuiltInCategory(GetParam());
  const std::string path = absl::StrCat("golden/v2/", category.v2_file);
  const std::set<std::string> without_golden = {"esrgan", "safety_checker"};
  if (without_golden.count(GetParam()) > 0) return;  // The original refused them.
  const JsonObject records = ReadRecords(path);
  for (const auto& [model, record] : records.members()) {
    JsonObject prepared = *record.AsObject();
    ExpectNoViolations(PrepareRecord(category, Format::kV2, model, &prepared), model);
    EXPECT_EQ(Json(prepared), record) << model;
  }
}

INSTANTIATE_TEST_SUITE_P(Categories, RealRecordsTest,
                         ::testing::Values("blip", "clip", "codeformer", "controlnet", "esrgan",
                                           "gfpgan", "image_generation", "miscellaneous",
                                           "safety_checker"),
                         [](const auto& param) { return std::string(param.param); });

TEST(RealTextRecordsTest, BaseEntriesOfTheLegacyDocumentStayAsTheyAre) {
  SKIP_WITHOUT_SHARED_DATA();
  const Category& category = *FindBuiltInCategory("text_generation");
  const JsonObject document = ReadRecords("golden/text_legacy_from_csv.json");
  std::map<std::string, std::string> entries;
  for (const auto& [name, entry] : document.members()) entries[name] = CanonicalJson(entry);
  size_t bases = 0;
  for (const auto& [name, entry] : document.members()) {
    JsonObject record = *entry.AsObject();
    const RecordCheck check = PrepareRecord(category, Format::kLegacy, name, &record);
    if (HasTextBackendPrefix(name)) {
      ASSERT_FALSE(check.ok()) << name;
      EXPECT_EQ(check.violations[0].reason, "BACKEND_PREFIXED_NAME");
      continue;
    }
    ++bases;
    ASSERT_TRUE(check.ok()) << name << ": " << ViolationError(check, name, "");
    EXPECT_EQ(CanonicalJson(Json(record)), entries[name]);
    for (const auto& [entry_name, made] : TextLegacyEntries(name, record)) {
      EXPECT_EQ(CanonicalJson(made), entries[entry_name]) << entry_name;
    }
  }
  EXPECT_EQ(bases, 719u);
}

TEST(RealTextRecordsTest, DerivedRecordsAreTheOriginals) {
  SKIP_WITHOUT_SHARED_DATA();
  const Category& category = *FindBuiltInCategory("text_generation");
  const JsonObject document = ReadRecords("golden/text_legacy_from_csv.json");
  const JsonObject records = ReadRecords("golden/v2/text_generation.every_third_model.json");
  for (const auto& [model, golden] : records.members()) {
    const Json& legacy = *document.Find(model);
    ASSERT_OK_AND_ASSIGN(const Json again,
                         DeriveV2Record(category, model, legacy, golden.AsObject(), nullptr));
    EXPECT_EQ(CanonicalJson(again), CanonicalJson(golden));
    ASSERT_OK_AND_ASSIGN(Json v2, DeriveV2Record(category, model, legacy, nullptr, nullptr));
    // What the legacy form cannot tell apart.
    for (const char* field : {"display_name", "tags"}) {
      v2.AsObject()->Set(field, *golden.AsObject()->Find(field));
    }
    EXPECT_EQ(CanonicalJson(v2), CanonicalJson(golden));
    ExpectNoViolations(CheckV2Record(category, model, *golden.AsObject()), model);
    JsonObject written = *golden.AsObject();
    ExpectNoViolations(PrepareRecord(category, Format::kV2, model, &written), model);
    const JsonObject once = written;
    ExpectNoViolations(PrepareRecord(category, Format::kV2, model, &written), model);
    EXPECT_EQ(Json(written), Json(once)) << "a second write changes nothing";
  }
}

}  // namespace
}  // namespace modelref

// Conversions of the real catalogues, byte for byte as the original's.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "backends/convert/legacy_to_v2.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_names.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::ReadShared;

constexpr absl::string_view kImageRepo = "data/AI-Horde-image-model-reference/";
constexpr absl::string_view kModelsCsv = "data/AI-Horde-text-model-reference/models.csv";

absl::StatusOr<ConvertedDocument> ConvertReal(absl::string_view name) {
  const Category& category = *FindBuiltInCategory(name);
  return ConvertLegacyFile(category, category.legacy_file,
                           ReadShared(absl::StrCat(kImageRepo, category.legacy_file)));
}

class GoldenV2Test : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenV2Test, ConversionEqualsTheOriginalsByteForByte) {
  SKIP_WITHOUT_SHARED_DATA();
  ASSERT_OK_AND_ASSIGN(const ConvertedDocument converted, ConvertReal(GetParam()));
  EXPECT_EQ(converted.rejected, 0u);
  const std::string golden = absl::StrCat("golden/v2/", FindBuiltInCategory(GetParam())->v2_file);
  EXPECT_EQ(FormatConvertedDocument(converted.records), ReadShared(golden));
}

INSTANTIATE_TEST_SUITE_P(Categories, GoldenV2Test,
                         ::testing::Values("blip", "clip", "codeformer", "controlnet", "gfpgan",
                                           "image_generation", "miscellaneous"),
                         [](const auto& param) { return std::string(param.param); });

class RealCategoryTest : public ::testing::TestWithParam<const char*> {};

// No golden at hand: what can be said without one.
TEST_P(RealCategoryTest, EveryRecordConvertsInOrderWithItsFiles) {
  SKIP_WITHOUT_SHARED_DATA();
  const Category& category = *FindBuiltInCategory(GetParam());
  ASSERT_OK_AND_ASSIGN(const Json legacy,
                       ParseJson(ReadShared(absl::StrCat(kImageRepo, category.legacy_file))));
  ASSERT_OK_AND_ASSIGN(const ConvertedDocument converted, ConvertReal(GetParam()));
  const auto& from = legacy.AsObject()->members();
  const auto& to = converted.records.members();
  ASSERT_EQ(to.size(), from.size());
  for (size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(to[i].first, from[i].first);
    const JsonObject& record = *to[i].second.AsObject();
    EXPECT_EQ(*record.Find("record_type")->AsString(), GetParam());
    const JsonArray& downloads = *record.Find("config")->AsObject()->Find("download")->AsArray();
    const JsonArray& files =
        *from[i].second.AsObject()->Find("config")->AsObject()->Find("files")->AsArray();
    EXPECT_EQ(downloads.size(), files.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Categories, RealCategoryTest,
                         ::testing::Values("esrgan", "safety_checker"),
                         [](const auto& param) { return std::string(param.param); });

TEST(GoldenTextTest, EveryThirdConvertedModelEqualsTheOriginals) {
  SKIP_WITHOUT_SHARED_DATA();
  const Category& category = *FindBuiltInCategory("text_generation");
  ASSERT_OK_AND_ASSIGN(const ConvertedDocument converted,
                       ConvertLegacyFile(category, "models.csv", ReadShared(kModelsCsv)));
  EXPECT_EQ(converted.records.size(), 719u);
  JsonObject every_third;
  for (size_t i = 0; i < converted.records.size(); i += 3) {
    every_third.members().push_back(converted.records.members()[i]);
  }
  EXPECT_EQ(FormatConvertedDocument(every_third),
            ReadShared("golden/v2/text_generation.every_third_model.json"));
}

TEST(GoldenTextTest, RepeatedNamesAreReportedAndTheLastRowCounts) {
  SKIP_WITHOUT_SHARED_DATA();
  ASSERT_OK_AND_ASSIGN(const ModelsCsv csv, ParseModelsCsv(ReadShared(kModelsCsv)));
  EXPECT_EQ(csv.rows.size(), 723u);
  const ConvertedDocument converted = ConvertModelsCsv(csv);
  const auto repeated =
      std::count_if(converted.issues.begin(), converted.issues.end(), [](const RecordIssue& issue) {
        return issue.reason == "the name is repeated, this row replaces an earlier one";
      });
  EXPECT_EQ(repeated, 4);
}

TEST(GoldenTextTest, LegacyDocumentEqualsTheOriginalsByteForByte) {
  SKIP_WITHOUT_SHARED_DATA();
  ASSERT_OK_AND_ASSIGN(const ModelsCsv csv, ParseModelsCsv(ReadShared(kModelsCsv)));
  EXPECT_TRUE(csv.table.ends_with_newline);
  EXPECT_EQ(FormatTextLegacyDocument(TextLegacyDocument(csv.rows)),
            ReadShared("golden/text_legacy_from_csv.json"));
}

// The generated file of the upstream repository: the same entries, members in another order.
TEST(GoldenTextTest, LegacyDocumentHoldsWhatUpstreamGenerated) {
  SKIP_WITHOUT_SHARED_DATA();
  ASSERT_OK_AND_ASSIGN(const ModelsCsv csv, ParseModelsCsv(ReadShared(kModelsCsv)));
  const JsonObject ours = TextLegacyDocument(csv.rows);
  ASSERT_OK_AND_ASSIGN(const Json upstream,
                       ParseJson(ReadShared("data/AI-Horde-text-model-reference/db.json")));
  const auto& theirs = upstream.AsObject()->members();
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < theirs.size(); ++i) {
    ASSERT_EQ(ours.members()[i].first, theirs[i].first);
    const JsonObject& record = *ours.members()[i].second.AsObject();
    ASSERT_EQ(record.size(), theirs[i].second.AsObject()->size()) << theirs[i].first;
    for (const auto& [name, value] : theirs[i].second.AsObject()->members()) {
      ASSERT_NE(record.Find(name), nullptr) << theirs[i].first << " " << name;
      EXPECT_EQ(*record.Find(name), value) << theirs[i].first << " " << name;
    }
  }
}

Json NullOr(const std::optional<std::string>& text) {
  return text.has_value() ? Json(*text) : Json();
}

JsonObject AsGolden(const TextNameParts& parts) {
  JsonArray extras;
  for (const TextNameExtra& extra : parts.extras) {
    extras.push_back(JsonArray{Json(extra.text), Json::Number(static_cast<int64_t>(extra.position)),
                               Json(extra.kind)});
  }
  JsonObject out;
  out.Set("group", parts.base);
  out.Set("base", parts.base);
  out.Set("size", NullOr(parts.size));
  out.Set("variant", NullOr(parts.variant));
  out.Set("quant", NullOr(parts.quant));
  out.Set("version", NullOr(parts.version));
  out.Set("normalized", parts.normalized);
  out.Set("extras", std::move(extras));
  return out;
}

TEST(GoldenTextTest, NamesParseIntoTheOriginalsParts) {
  SKIP_WITHOUT_SHARED_DATA();
  ASSERT_OK_AND_ASSIGN(const Json golden, ParseJson(ReadShared("golden/text_name_parse.json")));
  ASSERT_EQ(golden.AsObject()->size(), 719u);
  for (const auto& [name, parts] : golden.AsObject()->members()) {
    EXPECT_EQ(CanonicalJson(Json(AsGolden(ParseTextName(name)))), CanonicalJson(parts)) << name;
  }
}

TEST(GoldenTextTest, RowsSurviveManyPassesThroughTheLegacyForm) {
  SKIP_WITHOUT_SHARED_DATA();
  ASSERT_OK_AND_ASSIGN(const ModelsCsv csv, ParseModelsCsv(ReadShared(kModelsCsv)));
  const JsonObject first = TextLegacyBaseDocument(csv.rows);
  std::string previous;
  std::vector<TextModelRow> rows = csv.rows;
  for (int pass = 0; pass < 4; ++pass) {
    const JsonObject document = TextLegacyBaseDocument(rows);
    EXPECT_EQ(document, first) << "pass " << pass;
    rows.clear();
    for (const auto& [name, record] : document.members()) {
      rows.push_back(TextRowOfLegacyRecord(name, *record.AsObject()));
    }
    const std::string text = FormatModelsCsv(rows);
    if (pass > 0) {
      EXPECT_EQ(text, previous) << "pass " << pass;
    }
    EXPECT_EQ(text.find('\r'), std::string::npos);
    ASSERT_OK_AND_ASSIGN(const ModelsCsv again, ParseModelsCsv(text));
    EXPECT_TRUE(again.issues.empty());
    rows = again.rows;
    previous = text;
  }
}

}  // namespace
}  // namespace modelref

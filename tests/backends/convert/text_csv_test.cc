#include "backends/convert/text_csv.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "backends/convert/legacy_to_v2.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::StatusIs;

constexpr absl::string_view kHeader =
    "name,parameters_bn,display_name,url,baseline,description,style,tags,instruct_format,"
    "settings\n";

ModelsCsv Parse(absl::string_view rows, absl::string_view header = kHeader) {
  absl::StatusOr<ModelsCsv> csv = ParseModelsCsv(absl::StrCat(header, rows));
  EXPECT_TRUE(csv.ok()) << csv.status();
  return csv.ok() ? *std::move(csv) : ModelsCsv();
}

// "line: reason" of the only issue.
std::string OnlyIssue(const ModelsCsv& csv) {
  if (csv.issues.size() != 1) return absl::StrCat(csv.issues.size(), " issues");
  return absl::StrCat(csv.issues[0].line, ": ", csv.issues[0].reason);
}

TEST(ModelsCsvTest, ReadsEveryColumn) {
  const ModelsCsv csv = Parse(
      "x/Y-7B,0.56,Y!,http://u,base,\"two\nlines\",chat,\" a, b ,,\",ChatML,\"{\"\"t\"\": "
      "0.70}\"\n");
  EXPECT_TRUE(csv.issues.empty());
  ASSERT_EQ(csv.rows.size(), 1u);
  const TextModelRow& row = csv.rows[0];
  EXPECT_EQ(row.name, "x/Y-7B");
  EXPECT_EQ(row.parameters.lexeme, "560000000");
  EXPECT_EQ(row.display_name, "Y!");
  EXPECT_EQ(row.description, "two\nlines");
  EXPECT_EQ(row.tags, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(row.instruct_format, "ChatML");
  EXPECT_EQ(CanonicalJson(Json(*row.settings)), R"({"t":0.70})");
  EXPECT_EQ(row.line, 2u);
}

TEST(ModelsCsvTest, UnderstandsVersionAndNsfwColumnsInAnyOrder) {
  const ModelsCsv csv = Parse("1.2, TRUE ,m,1\nv,yes,n,1\n", "version,nsfw,name,parameters_bn\n");
  ASSERT_EQ(csv.rows.size(), 2u);
  EXPECT_EQ(csv.rows[0].version, "1.2");
  EXPECT_TRUE(csv.rows[0].nsfw);
  EXPECT_FALSE(csv.rows[1].nsfw);
}

TEST(ModelsCsvTest, ParametersAreTruncatedBillions) {
  const std::pair<const char*, const char*> cases[] = {
      {"3", "3000000000"},
      {"0.56", "560000000"},
      {" 1e1 ", "10000000000"},
      {"1_0", "10000000000"},
      {".5", "500000000"},
      {"-2", "-2000000000"},
      {"0.0000000001", "0"},
      {"-0.0", "0"},
      {"1.1", "1100000000"},
      {"2.0000000019", "2000000001"},
      {"1e20", "99999999999999991433150857216"},
  };
  for (const auto& [text, parameters] : cases) {
    const ModelsCsv csv = Parse(absl::StrCat("m,", text, "\n"));
    ASSERT_EQ(csv.rows.size(), 1u) << text;
    EXPECT_EQ(csv.rows[0].parameters.lexeme, parameters) << text;
  }
}

TEST(ModelsCsvTest, BadRowsAreLeftOutWithLineAndReason) {
  EXPECT_EQ(OnlyIssue(Parse("\n ,1\n")), "3: the row has no name");
  EXPECT_EQ(OnlyIssue(Parse("a,\"1\n\"\nm,many\n")), "4: parameters_bn is not a number: many");
  EXPECT_EQ(OnlyIssue(Parse("m,nan\n")), "2: parameters_bn is not a number: nan");
  EXPECT_EQ(OnlyIssue(Parse("m,1e300\n")), "2: parameters_bn is not a number: 1e300");
  EXPECT_EQ(OnlyIssue(Parse("m,0x10\n")), "2: parameters_bn is not a number: 0x10");
  EXPECT_EQ(OnlyIssue(Parse("m,1,,,,,,,,{x}\n")),
            "2: settings is not JSON: line 1, column 2: a member name in quotes is expected");
  EXPECT_EQ(OnlyIssue(Parse("m,1,,,,,,,,[]\n")), "2: settings is not a JSON object");
  const ModelsCsv nested = Parse("m,1,,,,,,,,\"{\"\"a\"\": {}}\"\nn,1\n");
  EXPECT_EQ(OnlyIssue(nested), "2: settings.a is neither a finite scalar nor a list of such");
  EXPECT_EQ(nested.rejected, 1u);
  ASSERT_EQ(nested.rows.size(), 1u);
  EXPECT_EQ(nested.rows[0].name, "n");
}

TEST(ModelsCsvTest, BlankParametersAreZeroWithAWarning) {
  const ModelsCsv csv = Parse("m\n");
  EXPECT_EQ(OnlyIssue(csv), "2: parameters_bn is blank, 0 is used");
  EXPECT_EQ(csv.issues[0].severity, IssueSeverity::kWarning);
  EXPECT_EQ(csv.rejected, 0u);
  ASSERT_EQ(csv.rows.size(), 1u);
  EXPECT_EQ(csv.rows[0].parameters.lexeme, "0");
}

TEST(ModelsCsvTest, AFileWithoutANameColumnIsNotSuchATable) {
  EXPECT_THAT(ParseModelsCsv("<!DOCTYPE html>\n<p>a,b</p>\n"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ModelsCsvTest, NullSettingsAreNone) {
  const ModelsCsv csv = Parse("m,1,,,,,,,,null\nn,1,,,,,,,,{}\n");
  ASSERT_EQ(csv.rows.size(), 2u);
  EXPECT_EQ(csv.rows[0].settings, std::nullopt);
  EXPECT_EQ(csv.rows[1].settings, JsonObject());
}

TEST(ModelsCsvTest, TheLastOfRepeatedNamesCountsInTheFirstOnesPlace) {
  const ConvertedDocument converted = ConvertModelsCsv(Parse("a,1\nb,1\na,2\n"));
  ASSERT_EQ(converted.records.size(), 2u);
  EXPECT_EQ(converted.records.members()[0].first, "a");
  const JsonObject& a = *converted.records.members()[0].second.AsObject();
  EXPECT_EQ(a.Find("parameters")->AsNumber()->lexeme, "2000000000");
  ASSERT_EQ(converted.issues.size(), 1u);
  EXPECT_EQ(converted.issues[0].line, 4u);
}

TEST(ModelsCsvTest, RowsOfBackendsAreDroppedWithAWarning) {
  const ConvertedDocument converted = ConvertModelsCsv(Parse("aphrodite/x/Y,1\nx/Y,1\n"));
  EXPECT_EQ(converted.records.size(), 1u);
  EXPECT_EQ(converted.rejected, 0u);
  ASSERT_EQ(converted.issues.size(), 1u);
  EXPECT_EQ(converted.issues[0].severity, IssueSeverity::kWarning);
}

TEST(ModelsCsvTest, MixedListsInSettingsAreRefusedByTheConversionOnly) {
  const ModelsCsv csv = Parse("m,1,,,,,,,,\"{\"\"a\"\": [1, \"\"x\"\"]}\"\n");
  EXPECT_EQ(csv.rows.size(), 1u);
  EXPECT_EQ(ConvertModelsCsv(csv).rejected, 1u);
}

TEST(FormatModelsCsvTest, WritesTheOriginalsForm) {
  TextModelRow row;
  row.name = "x/Y";
  row.parameters.lexeme = "560000000";
  row.description = "a \"b\", c";
  row.tags = {"t", "u"};
  row.settings = *ParseJson("{\"a\":1e2,\"b\":[1,\"\u00e9\"]}")->AsObject();
  EXPECT_EQ(FormatModelsCsv({row}),
            absl::StrCat(kHeader,
                         "x/Y,0.56,,,,\"a \"\"b\"\", c\",,\"t,u\",,"
                         "\"{\"\"a\"\": 100.0,\"\"b\"\": [1,\"\"\\u00e9\"\"]}\"\n"));
}

}  // namespace
}  // namespace modelref

#include "backends/base/json_indent.h"

#include <gtest/gtest.h>

#include "backends/base/json.h"

namespace modelref {
namespace {

std::string Indented(absl::string_view canonical, size_t depth = 0) {
  std::string out;
  AppendIndentedJson(canonical, depth, &out);
  return out;
}

TEST(JsonIndentTest, MembersAndItemsStandOnLinesOfTheirOwn) {
  EXPECT_EQ(Indented(R"({"a":1.0,"b":[true,null],"c":{"d":"e"}})"),
            "{\n  \"a\": 1.0,\n  \"b\": [\n    true,\n    null\n  ],\n  \"c\": {\n    \"d\": "
            "\"e\"\n  }\n}");
}

TEST(JsonIndentTest, EmptyObjectsAndArraysStayOnOneLine) {
  EXPECT_EQ(Indented("{}"), "{}");
  EXPECT_EQ(Indented(R"({"a":[],"b":{}})"), "{\n  \"a\": [],\n  \"b\": {}\n}");
}

TEST(JsonIndentTest, BracketsCommasAndQuotesWithinStringsAreText) {
  EXPECT_EQ(Indented(R"({"a{,":"]}:,\"\\"})"), "{\n  \"a{,\": \"]}:,\\\"\\\\\"\n}");
}

TEST(JsonIndentTest, DeeperValuesAreIndentedFromTheirSecondLineOn) {
  EXPECT_EQ(Indented(R"({"a":1})", 1), "{\n    \"a\": 1\n  }");
}

TEST(JsonIndentTest, ItLooksLikeTheFormOfATreeAndTheSizeIsExact) {
  for (const char* text :
       {R"({})", R"([])", R"("x")", R"(-0.70)", R"([[],[{}],{"a":[1e5,"\ud800"]}])",
        R"({"é":"\u0001\n","n":[12345678901234567890,false,{"k":{"l":[]}}]})"}) {
    const absl::StatusOr<Json> json = ParseJson(text);
    ASSERT_TRUE(json.ok()) << text;
    const std::string canonical = CanonicalJson(*json);
    EXPECT_EQ(Indented(canonical), FormatJson(*json, {.indent = 2})) << text;
    EXPECT_EQ(IndentedJsonSize(canonical, 3), Indented(canonical, 3).size()) << text;
  }
}

}  // namespace
}  // namespace modelref

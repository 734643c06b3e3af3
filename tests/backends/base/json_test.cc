#include "backends/base/json.h"

#include <gtest/gtest.h>

#include <string>

#include "backends/base/json_surrogates.h"

namespace modelref {
namespace {

TEST(JsonObjectTest, SetKeepsThePlaceOfAnExistingMember) {
  JsonObject object;
  object.Set("a", Json::Number(1));
  object.Set("b", "two");
  object.Set("a", Json::Number(-3));
  EXPECT_EQ(CanonicalJson(object), R"({"a":-3,"b":"two"})");
}

TEST(JsonObjectTest, EraseTellsWhetherThereWasAMember) {
  JsonObject object;
  object.Set("a", nullptr);
  EXPECT_TRUE(object.Erase("a"));
  EXPECT_FALSE(object.Erase("a"));
  EXPECT_TRUE(object.empty());
}

TEST(JsonObjectTest, FindReturnsNullForAnUnknownName) {
  JsonObject object;
  object.Set("a", true);
  EXPECT_EQ(object.Find("b"), nullptr);
  ASSERT_NE(object.Find("a"), nullptr);
  EXPECT_TRUE(*object.Find("a")->AsBool());
}

TEST(JsonTest, ComparesByLexeme) {
  EXPECT_EQ(*ParseJson("[1,{\"a\":null}]"), *ParseJson(" [1, {\"a\": null}] "));
  EXPECT_FALSE(*ParseJson("1") == *ParseJson("1.0"));
}

TEST(Utf8Test, AcceptsEveryLengthAndTheEdges) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("plain ascii of more than eight bytes"));
  EXPECT_TRUE(IsValidUtf8("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF"));
  EXPECT_TRUE(IsValidUtf8("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
}

TEST(Utf8Test, FindsTheFirstIllFormedSequence) {
  const std::string ascii = "0123456789abcdef";
  for (const std::string bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82",
        "\xF0\x9F\x98", "\xC3\x28", "\xE2\x28\xA1", "\xF0\x9F\x28\x80"}) {
    for (size_t prefix = 0; prefix <= ascii.size(); ++prefix) {
      EXPECT_EQ(FindInvalidUtf8(ascii.substr(0, prefix) + bad + "tail"), prefix);
      EXPECT_EQ(FindInvalidUtf8(ascii.substr(0, prefix) + bad), prefix);
    }
  }
}

TEST(DescribeOffsetTest, CountsLinesAndByteColumnsFromOne) {
  const absl::string_view text = "ab\ncd\n";
  EXPECT_EQ(DescribeOffset(text, 0), "line 1, column 1");
  EXPECT_EQ(DescribeOffset(text, 2), "line 1, column 3");
  EXPECT_EQ(DescribeOffset(text, 3), "line 2, column 1");
  EXPECT_EQ(DescribeOffset(text, 6), "line 3, column 1");
  EXPECT_EQ(DescribeOffset(text, 99), "line 3, column 1");
}

TEST(JsonSurrogatesTest, ScanFindsOnlySurrogateEscapes) {
  EXPECT_TRUE(MayHaveLoneSurrogate(R"("\ud800")"));
  EXPECT_TRUE(MayHaveLoneSurrogate(R"("\n\\\uDfff")"));
  EXPECT_FALSE(MayHaveLoneSurrogate(R"("\\ud800 \ud7ff \u00e9 ud800")"));
  EXPECT_FALSE(MayHaveLoneSurrogate("\\"));
  EXPECT_FALSE(MayHaveLoneSurrogate(""));
}

TEST(JsonSurrogatesTest, RewritesOnlyLoneOnes) {
  EXPECT_EQ(LoneSurrogatesToWtf8(R"(\ud83d\ude00)"), R"(\ud83d\ude00)");
  EXPECT_EQ(LoneSurrogatesToWtf8(R"(a\ud800b)"),
            "a\xED\xA0\x80"
            "b");
  EXPECT_EQ(LoneSurrogatesToWtf8(R"(\ude00\ud83d)"), "\xED\xB8\x80\xED\xA0\xBD");
  EXPECT_EQ(LoneSurrogatesToWtf8(R"(\ud83d\ud83d\ude00)"), "\xED\xA0\xBD\\ud83d\\ude00");
  EXPECT_EQ(LoneSurrogatesToWtf8(R"(\\ud800)"), R"(\\ud800)");
  EXPECT_EQ(LoneSurrogatesToWtf8(R"(\ud80)"), R"(\ud80)");
  EXPECT_EQ(LoneSurrogatesToWtf8("tail\\"), "tail\\");
}

TEST(JsonSurrogatesTest, OffsetsAreMappedBack) {
  const std::string rewritten = LoneSurrogatesToWtf8(R"("\ud800\udbff" x)");
  EXPECT_EQ(OffsetBeforeWtf8(rewritten, rewritten.find('x')), 15u);
  EXPECT_EQ(OffsetBeforeWtf8(rewritten, 0), 0u);
}

}  // namespace
}  // namespace modelref

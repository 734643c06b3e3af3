#include "backends/convert/python_text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backends/convert/record_lines.h"

namespace modelref {
namespace {

TEST(PythonTextTest, StripsUnicodeWhiteSpace) {
  EXPECT_EQ(PythonStrip(" \t\r\n\x0B\x0C\x1C\x1F"), "");
  EXPECT_EQ(PythonStrip("\xC2\xA0\xE3\x80\x80 a b \xE2\x80\xA8\xC2\x85"), "a b");
  EXPECT_EQ(PythonStrip("\xE2\x80\x8B"), "\xE2\x80\x8B");  // Zero width space is none.
}

TEST(PythonTextTest, ReadsFloatsAsPythonDoes) {
  EXPECT_EQ(PythonFloat(" 1_0.5e1 "), 105.0);
  EXPECT_EQ(PythonFloat("5."), 5.0);
  EXPECT_EQ(PythonFloat("+.5"), 0.5);
  EXPECT_TRUE(std::isinf(*PythonFloat("-Infinity")));
  EXPECT_TRUE(std::isnan(*PythonFloat("nan")));
  for (const absl::string_view text :
       {"", "_1", "1_", "1__0", "0x10", "nan(1)", "1 0", "1,5", "e5"}) {
    EXPECT_EQ(PythonFloat(text), std::nullopt) << text;
  }
}

TEST(PythonTextTest, NormalizesNumbersAtEveryDepth) {
  EXPECT_EQ(CanonicalJson(PythonNormalized(*ParseJson(R"({"a":[1.50,{"b":-0,"c":"1.50"}]})"))),
            R"({"a":[1.5,{"b":0,"c":"1.50"}]})");
}

TEST(RecordLinesTest, FindsTheLineOfEachRecordAndOfNothingElse) {
  const RecordLines lines = FindRecordLines(
      "{\n\"a\": {\"x\":\n 1, \"b\": 2},\n\"q\\\"\\u0041\" : \"s:\",\n  \"b\": "
      "[\n{\"a\":1}]\n,\"a\":1}");
  const RecordLines expected = {{"a", 7}, {"q\"A", 4}, {"b", 5}};
  EXPECT_EQ(lines, expected);
}

}  // namespace
}  // namespace modelref

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"

namespace modelref {
namespace {

std::string ErrorOf(absl::string_view text, const JsonLimits& limits = {}) {
  const absl::StatusOr<Json> value = ParseJson(text, limits);
  if (value.ok()) return absl::StrCat("parsed as ", CanonicalJson(*value));
  EXPECT_EQ(value.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(value.status().message());
}

std::string Canonical(absl::string_view text, const JsonLimits& limits = {}) {
  const absl::StatusOr<Json> value = ParseJson(text, limits);
  return value.ok() ? CanonicalJson(*value) : std::string(value.status().message());
}

std::string Nested(size_t depth) {
  return absl::StrCat(std::string(depth, '['), std::string(depth, ']'));
}

TEST(ParseJsonTest, KeepsTheLexemeOfEveryNumber) {
  for (const std::string lexeme : {"0", "-0", "1.0", "1E+5", "1e400", "-1e400", "1e-99999999999",
                                   "12345678901234567890", "0.10", "1e308", "123e307"}) {
    EXPECT_EQ(Canonical(lexeme), lexeme);
    EXPECT_EQ(Canonical(absl::StrCat("[1,", lexeme, ",2]")), absl::StrCat("[1,", lexeme, ",2]"));
  }
}

TEST(ParseJsonTest, KeepsNumbersBeyondDoubleInTheirPlaces) {
  const std::string big(400, '9');
  const std::string text =
      absl::StrCat(R"({"1e999":1e999,"a":[-0,)", big, R"(,"\"5",1.5],"b":1e999})");
  EXPECT_EQ(Canonical(text), text);
}

TEST(ParseJsonTest, KeepsNumbersBeyondDoubleBesideInfinity) {
  EXPECT_EQ(Canonical("[-Infinity,NaN,1e999,Infinity,1e998]", {.allow_nan_and_infinity = true}),
            "[-Infinity,NaN,1e999,Infinity,1e998]");
}

TEST(ParseJsonTest, RefusesMalformedNumbers) {
  for (const absl::string_view text :
       {"00", "01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10", "1_000", "- 1", "--1", "1.e5"}) {
    EXPECT_TRUE(absl::StartsWith(ErrorOf(text), "line 1, column ")) << text << ErrorOf(text);
    EXPECT_TRUE(absl::StartsWith(ErrorOf(absl::StrCat("[1e999,", text, "]")), "line 1, column "))
        << text;
  }
}

TEST(ParseJsonTest, ErrorsNameLineColumnAndReason) {
  EXPECT_EQ(ErrorOf(""), "line 1, column 1: empty, a JSON value is expected");
  EXPECT_EQ(ErrorOf(" \n"), "line 2, column 1: empty, a JSON value is expected");
  EXPECT_EQ(ErrorOf("{\n  \"a\": tru\n}"), "line 2, column 11: a JSON value is expected");
  EXPECT_EQ(ErrorOf("{\"a\":1,}"), "line 1, column 8: a member name in quotes is expected");
  EXPECT_EQ(ErrorOf("[1,\n2 3]"), "line 2, column 3: ',' or ']' is expected");
  EXPECT_EQ(ErrorOf("{} x"), "line 1, column 4: more text after the JSON value");
  EXPECT_EQ(ErrorOf("\"abc"), "line 1, column 5: a string does not end");
  EXPECT_EQ(ErrorOf("[\"a\tb\"]"),
            "line 1, column 4: a control character in a string must be escaped");
  EXPECT_EQ(ErrorOf(R"(["a\qb"])"), "line 1, column 4: unknown escape in a string");
}

TEST(ParseJsonTest, ErrorsAfterALoneSurrogateNameTheRightColumn) {
  EXPECT_EQ(ErrorOf(R"(["\ud800","\udfff", x])"), "line 1, column 21: a JSON value is expected");
}

TEST(ParseJsonTest, RefusesEmbeddedNulBytes) {
  const std::string in_string("\"a\0b\"", 5);
  const std::string after_value("{}\0", 3);
  const std::string between("[1,\0 2]", 7);
  for (const std::string& text : {in_string, after_value, between}) {
    EXPECT_TRUE(absl::StartsWith(ErrorOf(text), "line 1, column ")) << ErrorOf(text);
  }
}

TEST(ParseJsonTest, KeepsEscapedNulInStrings) {
  const absl::StatusOr<Json> value = ParseJson(R"({"a\u0000b":"\u0000"})");
  ASSERT_TRUE(value.ok()) << value.status();
  const Json* found = value->AsObject()->Find(absl::string_view("a\0b", 3));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(*found->AsString(), std::string(1, '\0'));
}

TEST(ParseJsonTest, SaysWhenAByteOrderMarkIsInTheWay) {
  EXPECT_EQ(ErrorOf("\xEF\xBB\xBF{}"),
            "line 1, column 1: begins with a UTF-8 byte order mark, which JSON does not allow");
}

TEST(ParseJsonTest, RefusesTextThatIsNotUtf8) {
  EXPECT_EQ(ErrorOf("{\n\"\xC3\x28\":1}"), "line 2, column 2: not UTF-8");
  EXPECT_EQ(ErrorOf("\"\xED\xA0\x80\""), "line 1, column 2: not UTF-8");
  EXPECT_EQ(ErrorOf(std::string("\xFF\xFE{\0}\0", 6)), "line 1, column 1: not UTF-8");
}

TEST(ParseJsonTest, LimitsDepthWithoutRecursion) {
  EXPECT_EQ(Canonical(Nested(64)), Nested(64));
  EXPECT_EQ(ErrorOf(Nested(65)), "line 1, column 65: nested more than 64 levels deep");
  EXPECT_EQ(ErrorOf(Nested(10'000)), "line 1, column 65: nested more than 64 levels deep");
  EXPECT_EQ(ErrorOf(Nested(10'000'000), {.depth = 100'000'000}),
            "line 1, column 1001: nested more than 1000 levels deep");
  EXPECT_EQ(Canonical(Nested(1000), {.depth = 1000}), Nested(1000));
  EXPECT_EQ(Canonical("5", {.depth = 0}), "5");
  EXPECT_EQ(ErrorOf("{}", {.depth = 0}), "line 1, column 1: nested more than 0 levels deep");
}

TEST(ParseJsonTest, TakesNanAndInfinityOnlyWhenAllowed) {
  EXPECT_EQ(ErrorOf("{\"a\": NaN}"), "line 1, column 7: NaN is not a JSON number");
  EXPECT_EQ(ErrorOf("-Infinity"), "line 1, column 1: -Infinity is not a JSON number");
  const JsonLimits allowed = {.allow_nan_and_infinity = true};
  EXPECT_EQ(Canonical("[NaN,Infinity,-Infinity]", allowed), "[NaN,Infinity,-Infinity]");
  EXPECT_EQ(ErrorOf("[Inf]", allowed), "line 1, column 2: Inf is not a JSON number");
  EXPECT_EQ(ErrorOf("[NaNe5]", allowed), "line 1, column 2: NaNe5 is not a JSON number");
  EXPECT_EQ(ErrorOf("[NaNe400]", allowed), "line 1, column 2: a JSON value is expected");
  EXPECT_EQ(ErrorOf("[Infinity.5]", allowed), "line 1, column 2: Infinity.5 is not a JSON number");
  EXPECT_EQ(ErrorOf("[-NaN]", allowed), "line 1, column 2: -NaN is not a JSON number");
}

TEST(ParseJsonTest, DuplicateNamesKeepTheFirstPlaceAndTheLastValue) {
  EXPECT_EQ(Canonical(R"({"a":1,"b":2,"a":3,"\u0061":4})"), R"({"a":4,"b":2})");
}

TEST(ParseJsonTest, ManyDuplicateNamesAreResolvedTheSameWay) {
  std::string text = "{";
  std::string expected = "{";
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1000; ++i) {
      absl::StrAppend(&text, text.size() > 1 ? "," : "", "\"k", i, "\":", round * 1000 + i);
      if (round == 1) {
        absl::StrAppend(&expected, i > 0 ? "," : "", "\"k", i, "\":", 1000 + i);
      }
    }
  }
  EXPECT_EQ(Canonical(absl::StrCat(text, "}")), absl::StrCat(expected, "}"));
}

TEST(ParseJsonTest, AcceptsScalarsAndWhiteSpaceAround) {
  EXPECT_EQ(Canonical(" \t\r\n true \n"), "true");
  EXPECT_EQ(Canonical("null"), "null");
  EXPECT_EQ(Canonical("\"\x7F\""), "\"\x7F\"");
}

}  // namespace
}  // namespace modelref

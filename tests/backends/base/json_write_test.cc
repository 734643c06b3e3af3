#include <gtest/gtest.h>

#include <string>

#include "backends/base/json.h"

namespace modelref {
namespace {

struct FormatCase {
  const char* json;
  JsonStyle style;
  const char* python;
};

// Printed by Python 3.11's json.dumps with the same indent, ensure_ascii and separators.
const FormatCase kFormats[] = {
    // clang-format off
    {R"json({})json", {2, false, false}, R"json({})json"},
    {R"json({})json", {4, true, false}, R"json({})json"},
    {R"json({})json", {0, false, false}, R"json({})json"},
    {R"json({})json", {-1, true, false}, R"json({})json"},
    {R"json({})json", {-1, false, true}, R"json({})json"},
    {R"json([])json", {2, false, false}, R"json([])json"},
    {R"json([])json", {4, true, false}, R"json([])json"},
    {R"json([])json", {0, false, false}, R"json([])json"},
    {R"json([])json", {-1, true, false}, R"json([])json"},
    {R"json([])json", {-1, false, true}, R"json([])json"},
    {R"json({"a":[],"b":{},"c":[{}],"d":[[]]})json", {2, false, false}, R"json({
  "a": [],
  "b": {},
  "c": [
    {}
  ],
  "d": [
    []
  ]
})json"},
    {R"json({"a":[],"b":{},"c":[{}],"d":[[]]})json", {4, true, false}, R"json({
    "a": [],
    "b": {},
    "c": [
        {}
    ],
    "d": [
        []
    ]
})json"},
    {R"json({"a":[],"b":{},"c":[{}],"d":[[]]})json", {0, false, false}, R"json({
"a": [],
"b": {},
"c": [
{}
],
"d": [
[]
]
})json"},
    {R"json({"a":[],"b":{},"c":[{}],"d":[[]]})json", {-1, true, false}, R"json({"a": [], "b": {}, "c": [{}], "d": [[]]})json"},
    {R"json({"a":[],"b":{},"c":[{}],"d":[[]]})json", {-1, false, true}, R"json({"a":[],"b":{},"c":[{}],"d":[[]]})json"},
    {R"json({"a":1,"b":[1,2,{"x":null}],"c":{"y":true,"z":false}})json", {2, false, false}, R"json({
  "a": 1,
  "b": [
    1,
    2,
    {
      "x": null
    }
  ],
  "c": {
    "y": true,
    "z": false
  }
})json"},
    {R"json({"a":1,"b":[1,2,{"x":null}],"c":{"y":true,"z":false}})json", {4, true, false}, R"json({
    "a": 1,
    "b": [
        1,
        2,
        {
            "x": null
        }
    ],
    "c": {
        "y": true,
        "z": false
    }
})json"},
    {R"json({"a":1,"b":[1,2,{"x":null}],"c":{"y":true,"z":false}})json", {0, false, false}, R"json({
"a": 1,
"b": [
1,
2,
{
"x": null
}
],
"c": {
"y": true,
"z": false
}
})json"},
    {R"json({"a":1,"b":[1,2,{"x":null}],"c":{"y":true,"z":false}})json", {-1, true, false}, R"json({"a": 1, "b": [1, 2, {"x": null}], "c": {"y": true, "z": false}})json"},
    {R"json({"a":1,"b":[1,2,{"x":null}],"c":{"y":true,"z":false}})json", {-1, false, true}, R"json({"a":1,"b":[1,2,{"x":null}],"c":{"y":true,"z":false}})json"},
    {R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json", {2, false, false}, R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json"},
    {R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json", {4, true, false}, R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json"},
    {R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json", {0, false, false}, R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json"},
    {R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json", {-1, true, false}, R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json"},
    {R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json", {-1, false, true}, R"json("q\"\\\b\f\n\r\t\u0000\u001f/")json"},
    {R"json("é € 😀   ")json", {2, false, false}, R"json("é € 😀   ")json"},
    {R"json("é € 😀   ")json", {4, true, false}, R"json("\u00e9 \u20ac \ud83d\ude00 \u2028 \u007f")json"},
    {R"json("é € 😀   ")json", {0, false, false}, R"json("é € 😀   ")json"},
    {R"json("é € 😀   ")json", {-1, true, false}, R"json("\u00e9 \u20ac \ud83d\ude00 \u2028 \u007f")json"},
    {R"json("é € 😀   ")json", {-1, false, true}, R"json("é € 😀   ")json"},
    {R"json(["a, b: c"])json", {2, false, false}, R"json([
  "a, b: c"
])json"},
    {R"json(["a, b: c"])json", {4, true, false}, R"json([
    "a, b: c"
])json"},
    {R"json(["a, b: c"])json", {0, false, false}, R"json([
"a, b: c"
])json"},
    {R"json(["a, b: c"])json", {-1, true, false}, R"json(["a, b: c"])json"},
    {R"json(["a, b: c"])json", {-1, false, true}, R"json(["a, b: c"])json"},
    // clang-format on
};

TEST(FormatJsonTest, LaysOutAsPythonDoes) {
  for (const FormatCase& format : kFormats) {
    const absl::StatusOr<Json> value = ParseJson(format.json);
    ASSERT_TRUE(value.ok()) << format.json << ": " << value.status();
    EXPECT_EQ(FormatJson(*value, format.style), format.python) << format.json;
  }
}

TEST(FormatJsonTest, KeepsLexemes) {
  const absl::StatusOr<Json> value = ParseJson("[1.0,1e5,-0,1E400,12345678901234567890]");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(FormatJson(*value, {.indent = -1}), "[1.0, 1e5, -0, 1E400, 12345678901234567890]");
}

struct CanonicalCase {
  const char* json;
  const char* canonical;
};

constexpr CanonicalCase kCanonical[] = {
    {R"( { "b" : 1.0 , "a" : [ ] } )", R"({"b":1.0,"a":[]})"},
    {R"("\u0041\u00e9\u20AC")", "\"A\xC3\xA9\xE2\x82\xAC\""},
    {R"("\u0008\u0009\u000A\u000c\u000D\u0022\u005C\/")", R"("\b\t\n\f\r\"\\/")"},
    {R"("\u0000\u001F\u007f")", "\"\\u0000\\u001f\x7F\""},
    {R"("\uD83D\uDE00")", "\"\xF0\x9F\x98\x80\""},
    {R"("\uDEAD \uD800 \uD800x")", R"("\udead \ud800 \ud800x")"},
    {R"("\uD800\uD83D\uDE00")", "\"\\ud800\xF0\x9F\x98\x80\""},
    {R"("\\ud800")", R"("\\ud800")"},
    {R"({"a":1,"b":2,"a":3})", R"({"a":3,"b":2})"},
    {R"("\u2028")", "\"\xE2\x80\xA8\""},
};

TEST(CanonicalJsonTest, MatchesTheVectors) {
  for (const CanonicalCase& canonical : kCanonical) {
    const absl::StatusOr<Json> value = ParseJson(canonical.json);
    ASSERT_TRUE(value.ok()) << canonical.json << ": " << value.status();
    EXPECT_EQ(CanonicalJson(*value), canonical.canonical) << canonical.json;
  }
}

TEST(CanonicalJsonTest, IsAFixedPoint) {
  for (const CanonicalCase& canonical : kCanonical) {
    const absl::StatusOr<Json> value = ParseJson(canonical.canonical);
    ASSERT_TRUE(value.ok()) << canonical.canonical << ": " << value.status();
    EXPECT_EQ(CanonicalJson(*value), canonical.canonical);
  }
}

TEST(CanonicalJsonTest, AsciiStyleEscapesLoneSurrogatesAndPairs) {
  const absl::StatusOr<Json> value = ParseJson(R"("\uDEAD\uD83D\uDE00")");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(FormatJson(*value, {.indent = -1, .ascii = true}), R"("\udead\ud83d\ude00")");
}

TEST(AppendCanonicalStringTest, QuotesAndEscapes) {
  std::string out = "x";
  AppendCanonicalString("a\"\n\xED\xA0\x80", &out);
  EXPECT_EQ(out, R"(x"a\"\n\ud800")");
}

}  // namespace
}  // namespace modelref

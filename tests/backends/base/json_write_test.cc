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
    {"{}",
     {2, false, false},
     "{}"},
    {"{}",
     {4, true, false},
     "{}"},
    {"{}",
     {0, false, false},
     "{}"},
    {"{}",
     {-1, true, false},
     "{}"},
    {"{}",
     {-1, false, true},
     "{}"},
    {"[]",
     {2, false, false},
     "[]"},
    {"[]",
     {4, true, false},
     "[]"},
    {"[]",
     {0, false, false},
     "[]"},
    {"[]",
     {-1, true, false},
     "[]"},
    {"[]",
     {-1, false, true},
     "[]"},
    {"{\"a\":[],\"b\":{},\"c\":[{}],\"d\":[[]]}",
     {2, false, false},
     "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    {}\n  ],\n  \"d\": [\n    []\n"
     "  ]\n}"},
    {"{\"a\":[],\"b\":{},\"c\":[{}],\"d\":[[]]}",
     {4, true, false},
     "{\n    \"a\": [],\n    \"b\": {},\n    \"c\": [\n        {}\n    ],\n"
     "    \"d\": [\n        []\n    ]\n}"},
    {"{\"a\":[],\"b\":{},\"c\":[{}],\"d\":[[]]}",
     {0, false, false},
     "{\n\"a\": [],\n\"b\": {},\n\"c\": [\n{}\n],\n\"d\": [\n[]\n]\n}"},
    {"{\"a\":[],\"b\":{},\"c\":[{}],\"d\":[[]]}",
     {-1, true, false},
     "{\"a\": [], \"b\": {}, \"c\": [{}], \"d\": [[]]}"},
    {"{\"a\":[],\"b\":{},\"c\":[{}],\"d\":[[]]}",
     {-1, false, true},
     "{\"a\":[],\"b\":{},\"c\":[{}],\"d\":[[]]}"},
    {"{\"a\":1,\"b\":[1,2,{\"x\":null}],\"c\":{\"y\":true,\"z\":false}}",
     {2, false, false},
     "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2,\n    {\n      \"x\": null\n    }\n"
     "  ],\n  \"c\": {\n    \"y\": true,\n    \"z\": false\n  }\n}"},
    {"{\"a\":1,\"b\":[1,2,{\"x\":null}],\"c\":{\"y\":true,\"z\":false}}",
     {4, true, false},
     "{\n    \"a\": 1,\n    \"b\": [\n        1,\n        2,\n        {\n"
     "            \"x\": null\n        }\n    ],\n    \"c\": {\n"
     "        \"y\": true,\n        \"z\": false\n    }\n}"},
    {"{\"a\":1,\"b\":[1,2,{\"x\":null}],\"c\":{\"y\":true,\"z\":false}}",
     {0, false, false},
     "{\n\"a\": 1,\n\"b\": [\n1,\n2,\n{\n\"x\": null\n}\n],\n\"c\": {\n"
     "\"y\": true,\n\"z\": false\n}\n}"},
    {"{\"a\":1,\"b\":[1,2,{\"x\":null}],\"c\":{\"y\":true,\"z\":false}}",
     {-1, true, false},
     "{\"a\": 1, \"b\": [1, 2, {\"x\": null}], \"c\": {\"y\": true, \"z\": false}}"},
    {"{\"a\":1,\"b\":[1,2,{\"x\":null}],\"c\":{\"y\":true,\"z\":false}}",
     {-1, false, true},
     "{\"a\":1,\"b\":[1,2,{\"x\":null}],\"c\":{\"y\":true,\"z\":false}}"},
    {"\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\"",
     {2, false, false},
     "\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\""},
    {"\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\"",
     {4, true, false},
     "\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\""},
    {"\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\"",
     {0, false, false},
     "\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\""},
    {"\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\"",
     {-1, true, false},
     "\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\""},
    {"\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\"",
     {-1, false, true},
     "\"q\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\""},
    {"\"\303\251 \342\202\254 \360\237\230\200 \342\200\250 \177\"",
     {2, false, false},
     "\"\303\251 \342\202\254 \360\237\230\200 \342\200\250 \177\""},
    {"\"\303\251 \342\202\254 \360\237\230\200 \342\200\250 \177\"",
     {4, true, false},
     "\"\\u00e9 \\u20ac \\ud83d\\ude00 \\u2028 \\u007f\""},
    {"\"\303\251 \342\202\254 \360\237\230\200 \342\200\250 \177\"",
     {0, false, false},
     "\"\303\251 \342\202\254 \360\237\230\200 \342\200\250 \177\""},
    {"\"\303\251 \342\202\254 \360\237\230\200 \342\200\250 \177\"",
     {-1, true, false},
     "\"\\u00e9 \\u20ac \\ud83d\\ude00 \\u2028 \\u007f\""},
    {"\"\303\251 \342\202\254 \360\237\230\200 \342\200\250 \177\"",
     {-1, false, true},
     "\"\303\251 \342\202\254 \360\237\230\200 \342\200\250 \177\""},
    {"[\"a, b: c\"]",
     {2, false, false},
     "[\n  \"a, b: c\"\n]"},
    {"[\"a, b: c\"]",
     {4, true, false},
     "[\n    \"a, b: c\"\n]"},
    {"[\"a, b: c\"]",
     {0, false, false},
     "[\n\"a, b: c\"\n]"},
    {"[\"a, b: c\"]",
     {-1, true, false},
     "[\"a, b: c\"]"},
    {"[\"a, b: c\"]",
     {-1, false, true},
     "[\"a, b: c\"]"},
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

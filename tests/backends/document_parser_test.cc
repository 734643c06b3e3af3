#include "backends/document_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::NamesOf;
using ::modelref::testing::ReadShared;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

// Arrays in an object: `depth` levels in all.
std::string NestedRecord(size_t depth) {
  return absl::StrCat("{\"x\":", std::string(depth - 1, '['), std::string(depth - 1, ']'), "}");
}

// The document as canonical JSON; a problem or an error fails the test.
std::string Canonical(absl::string_view text, const ParseLimits& limits = {}) {
  const absl::StatusOr<ParsedDocument> parsed = ParseDocument(text, limits);
  EXPECT_THAT(parsed, IsOk()) << text;
  if (!parsed.ok()) return "";
  EXPECT_THAT(parsed->problems, IsEmpty()) << text;
  return parsed->document->ToJson();
}

std::string ErrorOf(absl::string_view text) {
  const absl::StatusOr<ParsedDocument> parsed = ParseDocument(text);
  if (parsed.ok()) return absl::StrCat("parsed as ", parsed->document->ToJson());
  EXPECT_THAT(parsed, StatusIs(kInvalid));
  return std::string(parsed.status().message());
}

// The one problem of a document whose other records must be "before" and "after".
RecordProblem OnlyProblem(absl::string_view member, const ParseLimits& limits = {}) {
  const std::string text =
      absl::StrCat("{\n\"before\": {\"a\": 1},\n\n", member, ",\n\"after\": {\"b\": [2.0]}\n}");
  const absl::StatusOr<ParsedDocument> parsed = ParseDocument(text, limits);
  EXPECT_THAT(parsed, IsOk());
  if (!parsed.ok()) return {};
  EXPECT_EQ(parsed->document->ToJson(), R"({"before":{"a":1},"after":{"b":[2.0]}})");
  EXPECT_EQ(parsed->problems.size(), 1u) << member;
  if (parsed->problems.empty()) return {};
  RecordProblem problem = parsed->problems.front();
  EXPECT_EQ(std::exchange(problem.text, ""), member);
  EXPECT_EQ(std::exchange(problem.after_name, ""), "before");
  return problem;
}

TEST(ParseDocumentTest, ARecordThatIsNoObjectHidesOnlyItself) {
  for (const char* value : {"7", "\"text\"", "true", "false", "null", "[]", "[{}]", "-1.5e3"}) {
    EXPECT_EQ(OnlyProblem(absl::StrCat("\"bad\": ", value)),
              (RecordProblem{"bad", 4, "is not a JSON object"}))
        << value;
  }
}

TEST(ParseDocumentTest, NanAndInfinityHideOnlyTheirRecord) {
  for (const char* lexeme : {"NaN", "Infinity", "-Infinity"}) {
    EXPECT_EQ(OnlyProblem(absl::StrCat("\"bad\": {\"x\": [1, ", lexeme, "]}")),
              (RecordProblem{"bad", 4, absl::StrCat("holds ", lexeme)}));
  }
}

TEST(ParseDocumentTest, NanInAStringIsText) {
  EXPECT_EQ(Canonical(R"({"a":{"x":"NaN","Infinity":"-Infinity"}})"),
            R"({"a":{"x":"NaN","Infinity":"-Infinity"}})");
}

TEST(ParseDocumentTest, ATooDeepRecordHidesOnlyItself) {
  const RecordProblem problem = OnlyProblem("\"bad\": " + NestedRecord(65));
  EXPECT_EQ(problem, (RecordProblem{"bad", 4, "nested more than 64 levels deep"}));
  const std::string deepest = absl::StrCat("{\"a\":", NestedRecord(64), "}");
  EXPECT_EQ(Canonical(deepest), deepest);
}

TEST(ParseDocumentTest, TenThousandLevelsAreAProblemAndNoCrash) {
  const RecordProblem problem = OnlyProblem("\"bad\": " + NestedRecord(10'000));
  EXPECT_EQ(problem.reason, "nested more than 64 levels deep");
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), StartsWith("line 1, column "));
  std::string open;
  for (int i = 0; i < 100'000; ++i) open += "{\"a\":";
  EXPECT_THAT(ErrorOf(open), StartsWith("line 1, column "));
}

TEST(ParseDocumentTest, ATooLargeRecordHidesOnlyItself) {
  const size_t limit = 1 << 20;
  const std::string largest = absl::StrCat("{\"x\":\"", std::string(limit - 8, 'y'), "\"}");
  ASSERT_EQ(largest.size(), limit);
  EXPECT_EQ(Canonical(absl::StrCat("{\"a\": ", largest, "}")).size(), limit + 6);
  const std::string larger = absl::StrCat("{\"x\":\"", std::string(limit - 7, 'y'), "\"}");
  EXPECT_EQ(OnlyProblem(absl::StrCat("\"bad\": ", larger)),
            (RecordProblem{"bad", 4, "larger than 1048576 bytes"}));
}

TEST(ParseDocumentTest, TheSizeThatCountsIsThatOfCanonicalJson) {
  const ParseLimits limits = {.record_bytes = 20};
  EXPECT_EQ(Canonical("{\"a\": {     \"x\"  :   \"\\u0041\"      }    }", limits),
            R"({"a":{"x":"A"}})");
  EXPECT_EQ(OnlyProblem(R"("bad": {"x":[1,2,3,4,5,6,7,8,9]})", limits).reason,
            "larger than 20 bytes");
}

TEST(ParseDocumentTest, ABadNameHidesOnlyItsRecord) {
  const std::string too_long(513, 'n');
  const std::string shown(512, 'n');
  EXPECT_EQ(OnlyProblem("\"\": {}"), (RecordProblem{"", 4, "the model name is empty"}));
  EXPECT_EQ(OnlyProblem(absl::StrCat("\"", too_long, "\": {}")),
            (RecordProblem{shown, 4, "the model name has 513 bytes, at most 512 are allowed"}));
  EXPECT_EQ(OnlyProblem(R"("a\nb": {})"),
            (RecordProblem{"a\nb", 4, "the model name holds a control character"}));
  EXPECT_EQ(OnlyProblem(R"("a\u0000b": {})").name, absl::string_view("a\0b", 3));
  EXPECT_EQ(OnlyProblem(R"("ab\ud800": {})"),
            (RecordProblem{"ab", 4, "the model name is not UTF-8"}));
}

TEST(ParseDocumentTest, ALongNameIsShownUpToAWholeCharacter) {
  std::string name = "x";
  for (int i = 0; i < 300; ++i) name += "\xC3\xA9";
  const RecordProblem problem = OnlyProblem(absl::StrCat("\"", name, "\": {}"));
  EXPECT_EQ(problem.name, name.substr(0, 511));
}

TEST(ParseDocumentTest, ProblemsComeInSourceOrderWithTheirLines) {
  const absl::StatusOr<ParsedDocument> parsed =
      ParseDocument("{\"a\":1,\r\n \"b\":\n {\"x\":NaN},\n\n\"c\":{},\"d\":[\n\n],\n\"e\":2}");
  ASSERT_THAT(parsed, IsOk());
  EXPECT_THAT(NamesOf(*parsed->document), ElementsAre("c"));
  EXPECT_THAT(parsed->problems,
              ElementsAre(RecordProblem{"a", 1, "is not a JSON object", "\"a\":1", ""},
                          RecordProblem{"b", 2, "holds NaN", "\"b\":\n {\"x\":NaN}", ""},
                          RecordProblem{"d", 5, "is not a JSON object", "\"d\":[\n\n]", "c"},
                          RecordProblem{"e", 8, "is not a JSON object", "\"e\":2", "c"}));
}

TEST(ParseDocumentTest, LinesAreRightAfterLoneSurrogates) {
  const absl::StatusOr<ParsedDocument> parsed =
      ParseDocument("{\"a\":{\"x\":\"\\ud800\\ud800\\ud800\"},\n\"b\":1,\n\"c\":2}");
  ASSERT_THAT(parsed, IsOk());
  ASSERT_THAT(parsed->problems,
              ElementsAre(RecordProblem{"b", 2, "is not a JSON object", "\"b\":1", "a"},
                          RecordProblem{"c", 3, "is not a JSON object", "\"c\":2", "a"}));
}

TEST(ParseDocumentTest, AProblemHasItsOwnWordsWhateverStandsInIt) {
  const std::vector<std::string> members = {
      R"("a\"}" :  [1, {"x": "]}\\"}, "\u0041"])", R"("b":"}, \"c\": {")",    R"("c":NaN)",
      R"("\u0064":{"x":{"y":[-Infinity ,{}]}})",   R"("e":["\ud800",1e400])", R"("f" : null)",
  };
  for (const std::string& member : members) {
    for (const bool is_alone : {true, false}) {
      const std::string text =
          is_alone ? absl::StrCat("{ ", member, " }")
                   : absl::StrCat(R"({"x":{"v":"\ud801"},)", member, "\n,\"y\":{\"w\":1e999}}");
      const absl::StatusOr<ParsedDocument> parsed = ParseDocument(text);
      ASSERT_THAT(parsed, IsOk()) << text;
      ASSERT_EQ(parsed->problems.size(), 1u) << text;
      EXPECT_EQ(parsed->problems[0].text, member);
      EXPECT_EQ(parsed->problems[0].after_name, is_alone ? "" : "x");
    }
  }
}

TEST(ParseDocumentTest, AProblemStandsWhereItsNameStoodFirst) {
  const absl::StatusOr<ParsedDocument> parsed =
      ParseDocument(R"({"a":{},"b":{"v":1},"c":{},"d":5,"b":7,"d":6})");
  ASSERT_THAT(parsed, IsOk());
  EXPECT_THAT(parsed->problems,
              ElementsAre(RecordProblem{"b", 1, "is not a JSON object", "\"b\":7", "a"},
                          RecordProblem{"d", 1, "is not a JSON object", "\"d\":6", "c"}));
}

TEST(ParseDocumentTest, ARepeatedNameKeepsTheFirstPlaceAndTheLastValue) {
  EXPECT_EQ(Canonical(R"({"a":{"v":1},"b":{},"a":{"v":2},"\u0061":{"v":3}})"),
            R"({"a":{"v":3},"b":{}})");
}

TEST(ParseDocumentTest, ALastValueThatIsBadHidesTheRecord) {
  const absl::StatusOr<ParsedDocument> parsed =
      ParseDocument("{\"a\":1,\n\"a\":{},\"b\":{},\n\"a\":2}");
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->document->ToJson(), R"({"b":{}})");
  EXPECT_THAT(parsed->problems,
              ElementsAre(RecordProblem{"a", 3, "is not a JSON object", "\"a\":2", ""}));
}

TEST(ParseDocumentTest, ALastValueThatIsGoodStandsInTheFirstPlaceWithoutAProblem) {
  EXPECT_EQ(Canonical(R"({"a":1,"b":{},"a":{"v":2}})"), R"({"a":{"v":2},"b":{}})");
  EXPECT_EQ(Canonical(R"({"a":{"v":0},"b":{},"a":NaN,"a":{"v":2}})"), R"({"a":{"v":2},"b":{}})");
}

TEST(ParseDocumentTest, RepeatedMembersInsideARecordKeepTheFirstPlaceAndTheLastValue) {
  EXPECT_EQ(Canonical(R"({"a":{"x":1,"y":{"p":1,"q":2,"p":3},"x":[{"z":1,"z":2}]}})"),
            R"({"a":{"x":[{"z":2}],"y":{"p":3,"q":2}}})");
}

TEST(ParseDocumentTest, RepeatedMembersBelowTheUsualDepthAreResolvedWhenTheLimitAllowsIt) {
  const std::string deep = std::string(80, '[') + R"({"x":1,"x":2})" + std::string(80, ']');
  const std::string resolved = std::string(80, '[') + R"({"x":2})" + std::string(80, ']');
  EXPECT_EQ(Canonical(absl::StrCat("{\"a\":{\"d\":", deep, "}}"), {.record_depth = 100}),
            absl::StrCat("{\"a\":{\"d\":", resolved, "}}"));
}

TEST(ParseDocumentTest, RepeatedMembersAmongManyAreResolved) {
  std::string members;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&members, "\"k", i, "\":", i, ",");
  EXPECT_THAT(Canonical(absl::StrCat("{\"a\":{", members, "\"k7\":true}}")),
              HasSubstr(R"("k6":6,"k7":true,"k8":8)"));
}

TEST(ParseDocumentTest, LoneSurrogatesStayEscapesAndPairsBecomeCharacters) {
  EXPECT_EQ(Canonical(R"({"a":{"x":"\uDEAD \ud83d\ude00","\ud800":1}})"),
            "{\"a\":{\"x\":\"\\udead \xF0\x9F\x98\x80\",\"\\ud800\":1}}");
}

TEST(ParseDocumentTest, NumbersKeepTheirLexemesHoweverLarge) {
  const std::string digits(400, '9');
  const std::string text =
      absl::StrCat(R"({"a":{"x":[1e400,-1E+400,1.0,-0,1e-999,0.10,)", digits, R"(,"1e400"]}})");
  EXPECT_EQ(Canonical(text), text);
}

TEST(ParseDocumentTest, HugeNumbersBesideNanAndProblemsKeepTheirPlaces) {
  EXPECT_EQ(OnlyProblem(R"("bad": 1e400)").reason, "is not a JSON object");
  const absl::StatusOr<ParsedDocument> parsed =
      ParseDocument(R"({"a":{"x":1e400},"b":{"x":NaN,"y":1e401},"c":{"x":-1e402,"y":5}})");
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->document->ToJson(), R"({"a":{"x":1e400},"c":{"x":-1e402,"y":5}})");
  EXPECT_THAT(parsed->problems,
              ElementsAre(RecordProblem{"b", 1, "holds NaN", R"("b":{"x":NaN,"y":1e401})", "a"}));
}

TEST(ParseDocumentTest, ControlCharactersAreEscapedMinimally) {
  EXPECT_EQ(Canonical(R"({"a":{"x":"\u0008\u000a\u0000\u001F\/\u007f"}})"),
            "{\"a\":{\"x\":\"\\b\\n\\u0000\\u001f/\x7F\"}}");
}

TEST(ParseDocumentTest, WhatIsNoObjectOfRecordsIsAnError) {
  for (const char* text : {"[]", "7", "\"x\"", "null", "NaN", "[{\"a\": {}}]"}) {
    EXPECT_THAT(ErrorOf(text), MatchesRegex("line 1, column [0-9]+: a JSON object of records by "
                                            "model name is expected"));
  }
}

TEST(ParseDocumentTest, ErrorsNameLineColumnAndReason) {
  EXPECT_EQ(ErrorOf(""), "line 1, column 1: empty, a JSON value is expected");
  EXPECT_EQ(ErrorOf("{\"a\": {}}\n x"), "line 2, column 2: more text after the JSON value");
  EXPECT_EQ(ErrorOf("{\"a\": {},\n}"), "line 2, column 1: a member name in quotes is expected");
  EXPECT_EQ(ErrorOf("{\n \"a\": {\"x\": tru}}"), "line 2, column 16: a JSON value is expected");
  EXPECT_EQ(ErrorOf("{\"a\":{\"x\":\"\\ud800\"},\n\"b\" 1}"),
            "line 2, column 5: a colon after the member name is expected");
}

TEST(ParseDocumentTest, AByteOrderMarkIsNamed) {
  EXPECT_THAT(ErrorOf("\xEF\xBB\xBF{}"), HasSubstr("line 1, column 1: begins with a UTF-8 byte"));
}

TEST(ParseDocumentTest, TextThatIsNotUtf8IsRefusedWithItsPlace) {
  EXPECT_EQ(ErrorOf("{\n\"a\": {\"x\": \"\xC3\x28\"}}"), "line 2, column 13: not UTF-8");
  EXPECT_EQ(ErrorOf("{\"a\": {\"x\": \"\xED\xA0\x80\"}}"), "line 1, column 14: not UTF-8");
}

TEST(ParseDocumentTest, NulBytesAreErrorsWhereverTheyStand) {
  const std::string good = R"({"a": {"x": [1, "t"]}, "b": {}})";
  for (size_t i = 0; i <= good.size(); ++i) {
    std::string text = good;
    text.insert(i, 1, '\0');
    EXPECT_THAT(ErrorOf(text), StartsWith("line 1, column ")) << "NUL at " << i;
  }
}

TEST(ParseDocumentTest, EveryTruncationIsAnErrorWithLineAndColumn) {
  const std::string text =
      "{\"a\": {\"x\": [1.5e3, true, null, \"\\ud83d\\ude00\\n\"]},\n"
      " \"caf\xC3\xA9\": {\"y\": {\"z\": -1e400}}}";
  ASSERT_THAT(ParseDocument(text), IsOk());
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_THAT(ErrorOf(text.substr(0, size)), MatchesRegex("line [12], column [0-9]+: .+"))
        << "cut to " << size;
  }
}

// What the tree of json.h makes of the same text.
void ExpectSameAsTree(const std::string& text) {
  const absl::StatusOr<Json> tree = ParseJson(text, {.depth = 65});
  ASSERT_THAT(tree, IsOk());
  const absl::StatusOr<ParsedDocument> parsed = ParseDocument(text);
  ASSERT_THAT(parsed, IsOk());
  EXPECT_THAT(parsed->problems, IsEmpty());
  EXPECT_EQ(parsed->document->record_count(), tree->AsObject()->size());
  EXPECT_TRUE(parsed->document->ToJson() == CanonicalJson(*tree)) << "canonical forms differ";
  EXPECT_EQ(parsed->document->size_bytes(), CanonicalJson(*tree).size());
}

TEST(ParseDocumentTest, EqualsTheTreeOnTheOriginalsCatalogues) {
  SKIP_WITHOUT_SHARED_DATA();
  for (const char* file :
       {"golden/text_legacy_from_csv.json", "golden/v2/stable_diffusion.json",
        "golden/v2/blip.json", "golden/v2/text_generation.every_third_model.json",
        "golden/v2/gfpgan.json", "golden/v2/clip.json", "golden/v2/codeformer.json",
        "golden/v2/miscellaneous.json", "golden/v2/controlnet.json",
        "golden/samples/miscellaneous.json"}) {
    SCOPED_TRACE(file);
    ExpectSameAsTree(ReadShared(file));
  }
}

}  // namespace
}  // namespace modelref

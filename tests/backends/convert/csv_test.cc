#include "backends/convert/csv.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::StatusIs;

struct CsvCase {
  const char* text;
  const char* rows;  // [[line, [cell, ...]], ...], the header first.
};

// What Python 3.11's csv.reader reads, without blank lines.
constexpr CsvCase kCases[] = {
    // clang-format off
    {"a",
     R"([[1,["a"]]])"},
    {"a,b\n",
     R"([[1,["a","b"]]])"},
    {"a,b\r\n1,2\r\n",
     R"([[1,["a","b"]],[2,["1","2"]]])"},
    {"a,b\r1,2\r",
     R"([[1,["a","b"]],[2,["1","2"]]])"},
    {"h\n\"x\"\n",
     R"([[1,["h"]],[2,["x"]]])"},
    {"h\n\"x \"\"y\"\" z\"\n",
     R"([[1,["h"]],[2,["x \"y\" z"]]])"},
    {"h,i\n\"a,b\",\"c\nd\"\n",
     R"([[1,["h","i"]],[2,["a,b","c\nd"]]])"},
    {"h\n\"a\r\nb\"\n",
     R"([[1,["h"]],[2,["a\r\nb"]]])"},
    {"h\nx\"y\"z\n",
     R"([[1,["h"]],[2,["x\"y\"z"]]])"},
    {"h\n\"x\"y\"z\n",
     R"([[1,["h"]],[2,["xy\"z"]]])"},
    {"h\n\"x\" \n",
     R"([[1,["h"]],[2,["x "]]])"},
    {"h,i\n,\n",
     R"([[1,["h","i"]],[2,["",""]]])"},
    {"h\n\n\nx\n",
     R"([[1,["h"]],[4,["x"]]])"},
    {"h\n\"\",\n",
     R"([[1,["h"]],[2,["",""]]])"},
    {" h , i \n",
     R"([[1,[" h "," i "]]])"},
    {"h\n\"\"\n",
     R"([[1,["h"]],[2,[""]]])"},
    {"h\n\r\nx",
     R"([[1,["h"]],[3,["x"]]])"},
    {"h\nx\n\n",
     R"([[1,["h"]],[2,["x"]]])"},
    {"h,i\n1\n1,2,3\n",
     R"([[1,["h","i"]],[2,["1"]],[3,["1","2","3"]]])"},
    {"h\né,\" \"\n",
     R"([[1,["h"]],[2,["é"," "]]])"},
    {"h\n\"a\"\"b\"\n",
     R"([[1,["h"]],[2,["a\"b"]]])"},
    {"h\n\"\"\"q\"\"\"\n",
     R"([[1,["h"]],[2,["\"q\""]]])"},
    {"h\n\"\n\n\",x\ny\n",
     R"([[1,["h"]],[2,["\n\n","x"]],[5,["y"]]])"},
    // clang-format on
};

Json RowJson(const CsvRow& row) {
  return JsonArray{Json::Number(static_cast<int64_t>(row.line)),
                   JsonArray(row.cells.begin(), row.cells.end())};
}

TEST(ParseCsvTest, ReadsRowsAndTheirLinesAsPythonDoes) {
  for (const CsvCase& csv : kCases) {
    ASSERT_OK_AND_ASSIGN(const CsvTable table, ParseCsv(csv.text));
    JsonArray rows = {RowJson(table.header)};
    for (const CsvRow& row : table.rows) rows.push_back(RowJson(row));
    EXPECT_EQ(CanonicalJson(Json(rows)), csv.rows) << csv.text;
  }
}

TEST(ParseCsvTest, SpansOfRowsCoverTheTextButForBlankLines) {
  const absl::string_view text = "h,i\r\n\n\"a\nb\",2\nlast,3";
  ASSERT_OK_AND_ASSIGN(const CsvTable table, ParseCsv(text));
  ASSERT_EQ(table.rows.size(), 2u);
  const auto span = [&](const CsvRow& row) { return text.substr(row.begin, row.end - row.begin); };
  EXPECT_EQ(span(table.header), "h,i\r\n");
  EXPECT_EQ(span(table.rows[0]), "\"a\nb\",2\n");
  EXPECT_EQ(span(table.rows[1]), "last,3");
  EXPECT_FALSE(table.ends_with_newline);
}

TEST(ParseCsvTest, FindsColumnsByNameAndTheLastOfARepeatedName) {
  ASSERT_OK_AND_ASSIGN(const CsvTable table, ParseCsv("a,b,a\n1,2,3\n4\n"));
  EXPECT_EQ(table.Column("a"), 2u);
  EXPECT_EQ(table.Column("c"), std::nullopt);
  EXPECT_EQ(*Cell(table.rows[0], table.Column("a")), "3");
  EXPECT_EQ(Cell(table.rows[1], table.Column("a")), nullptr);
  EXPECT_EQ(Cell(table.rows[0], table.Column("c")), nullptr);
}

TEST(ParseCsvTest, AnOpenQuoteIsAnErrorThatNamesItsLine) {
  EXPECT_THAT(ParseCsv("h\nx\n\"open\nmore\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "line 3: a quote opens here and is never closed"));
}

TEST(ParseCsvTest, RefusesTextWithoutAHeaderOrOfAnotherEncoding) {
  for (const absl::string_view text : {"", "\n", "\r\nh\n", "\xEF\xBB\xBFname\n", "h\n\xFF\n"}) {
    EXPECT_THAT(ParseCsv(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(ParseCsvTest, LimitsCellsAndColumns) {
  const CsvLimits limits = {.cell_bytes = 4, .columns = 3};
  EXPECT_TRUE(ParseCsv("a,b,c\nabcd,\"ab\"\"c\"\n", limits).ok());
  EXPECT_THAT(ParseCsv("a\nabcde\n", limits), StatusIs(absl::StatusCode::kResourceExhausted,
                                                       "line 2: a cell of more than 4 bytes"));
  EXPECT_THAT(ParseCsv("a\n\"ab\"cde\n", limits), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ParseCsv("a\n\"abcde\"\n", limits), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ParseCsv("a,b,c,d\n", limits), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(AppendCsvRowTest, QuotesOnlyWhatNeedsIt) {
  std::string out;
  AppendCsvRow({"plain", "", "a,b", "say \"hi\"", "two\nlines", " space "}, &out);
  EXPECT_EQ(out, "plain,,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\", space \n");
}

TEST(AppendCsvRowTest, WhatIsWrittenIsReadBack) {
  const std::vector<std::vector<std::string>> rows = {{"h"},      {""},   {"\""},
                                                      {"a\r\nb"}, {"\r"}, {",", "", "\"\""}};
  std::string text;
  for (const auto& row : rows) AppendCsvRow(row, &text);
  ASSERT_OK_AND_ASSIGN(const CsvTable table, ParseCsv(text));
  ASSERT_EQ(table.rows.size() + 1, rows.size());
  for (size_t i = 1; i < rows.size(); ++i) EXPECT_EQ(table.rows[i - 1].cells, rows[i]);
  EXPECT_TRUE(table.ends_with_newline);
}

}  // namespace
}  // namespace modelref

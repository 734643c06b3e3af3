#include "backends/convert/text_csv_update.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

constexpr char kHeader[] =
    "name,parameters_bn,display_name,url,baseline,description,style,tags,instruct_format,settings";

// The table after its rows were changed as `change` says.
template <typename Change>
std::string Update(const std::string& present, Change change) {
  const absl::StatusOr<ModelsCsv> table = ParseModelsCsv(present);
  EXPECT_TRUE(table.ok()) << table.status();
  // What a reader has of it: the last row of each name, in the place of the first.
  std::vector<TextModelRow> rows;
  for (const TextModelRow& row : table->rows) {
    if (absl::StrContains(row.name, "://")) continue;
    const auto same = [&](const TextModelRow& earlier) { return earlier.name == row.name; };
    const auto found = std::find_if(rows.begin(), rows.end(), same);
    found == rows.end() ? rows.push_back(row) : void(*found = row);
  }
  std::set<std::string> in_own_words;
  for (const RecordIssue& issue : table->issues) {
    if (issue.severity == IssueSeverity::kError) in_own_words.insert(issue.model);
  }
  change(&rows);
  return UpdateModelsCsv(present, *table, rows, in_own_words);
}

void Nothing(std::vector<TextModelRow>*) {}

TEST(TextCsvUpdateTest, ATableWithoutAChangeStaysByteForByte) {
  for (const std::string& present :
       {absl::StrCat(kHeader, "\n\"a\",3.0,,,,\"x, y\",,,,\nb,7,,,,,,\"t,u\",,\n"),
        absl::StrCat(kHeader, "\r\na,3,,,,,,,,\r\nb,7,,,,,,,,\r\n"),
        std::string("extra,name,nsfw\n1,a,true\n2,b,false\n"),
        absl::StrCat(kHeader, "\na,1,,,,first,,,,\nb,2,,,,,,,,\na,3,,,,last,,,,\n")}) {
    EXPECT_EQ(Update(present, Nothing), present);
  }
}

TEST(TextCsvUpdateTest, AChangedRowKeepsItsOtherCellsAndColumns) {
  const std::string present = "name,parameters_bn,extra,description\na,3.0,x,old\nb,7.00,y,kept\n";
  EXPECT_EQ(Update(present, [](auto* rows) { (*rows)[0].description = "new, or so"; }),
            "name,parameters_bn,extra,description\na,3.0,x,\"new, or so\"\nb,7.00,y,kept\n");
}

TEST(TextCsvUpdateTest, AMissingColumnIsAddedWhenItIsNeeded) {
  EXPECT_EQ(Update("name,extra\na,x\nb,y\n", [](auto* rows) { (*rows)[1].url = "https://b"; }),
            "name,extra,url\na,x\nb,y,https://b\n");
}

TEST(TextCsvUpdateTest, NewRowsComeLastWithTheLineEndOfTheTable) {
  TextModelRow row;
  row.name = "c";
  row.parameters.lexeme = "560000000";
  EXPECT_EQ(Update("name,parameters_bn\r\na,1\r\n", [&](auto* rows) { rows->push_back(row); }),
            "name,parameters_bn\r\na,1\r\nc,0.56\r\n");
}

TEST(TextCsvUpdateTest, ARemovedModelTakesAllItsRowsAlong) {
  EXPECT_EQ(Update("name,url\na,1\nb,2\na,3\n", [](auto* rows) { rows->erase(rows->begin()); }),
            "name,url\nb,2\n");
}

TEST(TextCsvUpdateTest, EarlierRowsOfTheSameNameStayWhenTheLastOneChanges) {
  EXPECT_EQ(Update("name,url\na,1\nb,2\na,3\n", [](auto* rows) { (*rows)[0].url = "4"; }),
            "name,url\na,1\nb,2\na,4\n");
}

TEST(TextCsvUpdateTest, RowsThatAreNoModelsStayWhereTheyAre) {
  const std::string present = "name,parameters_bn\nhttps://x,1\na,1\nbad,many\nb,2\n";
  EXPECT_EQ(Update(present, Nothing), present);
  EXPECT_EQ(Update(present, [](auto* rows) { rows->pop_back(); }),
            "name,parameters_bn\nhttps://x,1\na,1\nbad,many\n");
}

TEST(TextCsvUpdateTest, UnreadableRowsOfModelsThatWereRepairedGo) {
  const std::string present = "name,parameters_bn\na,many\nb,few\nc,1\na,2\n,none\nb,x\n";
  ASSERT_OK_AND_ASSIGN(const ModelsCsv table, ParseModelsCsv(present));
  std::vector<TextModelRow> rows = table.rows;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(UpdateModelsCsv(present, table, rows, {"b"}),
            "name,parameters_bn\nb,few\nc,1\na,2\n,none\nb,x\n");
  std::swap(rows[0], rows[1]);
  EXPECT_EQ(UpdateModelsCsv(present, table, rows, {"b"}),
            "name,parameters_bn\nb,few\na,2\n,none\nb,x\nc,1\n");
}

TEST(TextCsvUpdateTest, ARowThatCanBeReadAndNotBeServedStaysAsItIs) {
  const std::string present = "name,url\na,1\nb,  large \nc,3\n";
  ASSERT_OK_AND_ASSIGN(const ModelsCsv table, ParseModelsCsv(present));
  std::vector<TextModelRow> rows = table.rows;
  rows.erase(rows.begin() + 1);
  EXPECT_EQ(UpdateModelsCsv(present, table, rows, {"b"}), present);
  EXPECT_EQ(UpdateModelsCsv(present, table, rows, {}), "name,url\na,1\nc,3\n");
}

TEST(TextCsvUpdateTest, AModelThatWasDeletedAndMadeAgainMovesToTheEnd) {
  EXPECT_EQ(Update("name,url\na,1\nb,2\nc,3\n",
                   [](auto* rows) {
                     const TextModelRow first = rows->front();
                     rows->erase(rows->begin());
                     rows->push_back(first);
                   }),
            "name,url\nb,2\nc,3\na,1\n");
}

TEST(TextCsvUpdateTest, AMissingFinalLineEndIsAdded) {
  EXPECT_EQ(Update("name,url\na,1", Nothing), "name,url\na,1\n");
}

// Truncation makes 0.123456789 * 1e9 one less than the count it came from.
TEST(TextCsvUpdateTest, EveryCountIsReadBackAsItWas) {
  uint64_t count = 1;
  for (int i = 0; i < 20000; ++i) {
    count = (count * 6364136223846793005ULL + 1442695040888963407ULL);
    TextModelRow row;
    row.name = "a";
    row.parameters.lexeme = absl::StrCat(count % 2000000000000ULL);
    ASSERT_OK_AND_ASSIGN(const ModelsCsv read, ParseModelsCsv(FormatModelsCsv({row})));
    ASSERT_EQ(read.rows.at(0).parameters.lexeme, row.parameters.lexeme);
  }
}

}  // namespace
}  // namespace modelref

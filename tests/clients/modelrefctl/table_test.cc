#include "clients/modelrefctl/table.h"

#include <gtest/gtest.h>

namespace modelref::ctl {
namespace {

Table SampleTable() {
  Table table({{"name"}, {"size_bytes", false, true}, {"etag", true}});
  table.AddRow({"漢字", "7", "aa"});
  table.AddRow({"a long name of a model", "123456", "bb"});
  return table;
}

TEST(TableTest, AlignsColumnsUnderHeadings) {
  EXPECT_EQ(SampleTable().Format({}, false),
            "NAME                    SIZE_BYTES\n"
            "漢字                             7\n"
            "a long name of a model      123456\n");
}

TEST(TableTest, WideShowsMoreColumns) {
  EXPECT_EQ(SampleTable().Format({}, true),
            "NAME                    SIZE_BYTES  ETAG\n"
            "漢字                             7  aa\n"
            "a long name of a model      123456  bb\n");
}

TEST(TableTest, CutsTheWidestColumnToTheTerminal) {
  EXPECT_EQ(SampleTable().Format({.width = 24}, false),
            "NAME          SIZE_BYTES\n"
            "漢字                   7\n"
            "a long name…      123456\n");
}

TEST(TableTest, PlainHasAllColumnsWithoutHeadingOrCuts) {
  EXPECT_EQ(SampleTable().FormatPlain(), "漢字\t7\taa\na long name of a model\t123456\tbb\n");
}

TEST(TableTest, EmptyFirstCellKeepsItsPlace) { EXPECT_EQ(PlainLine({"", "a", ""}), "\ta\t\n"); }

TEST(TableTest, CellsCannotBreakTheTable) {
  Table table({{"name"}});
  table.AddRow({"two\nlines\033[2J"});
  EXPECT_EQ(table.Format({}, false), "NAME\ntwo\\x0alines\\x1b[2J\n");
  EXPECT_EQ(table.FormatPlain(), "two\\nlines\\x1b[2J\n");
}

TEST(TableTest, HeadingIsBoldOnlyWithColour) {
  Table table({{"name"}});
  EXPECT_EQ(table.Format({.bold_heading = true}, false), "\033[1mNAME\033[0m\n");
}

}  // namespace
}  // namespace modelref::ctl

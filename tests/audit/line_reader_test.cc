#include "audit/line_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

constexpr uint64_t kEnd = ~uint64_t{0};

// The pieces as text, "<" where a line goes on, ">" where it is not ended.
std::vector<std::string> Pieces(const std::string& path, uint64_t from, uint64_t to,
                                size_t max_line) {
  absl::StatusOr<LogFile> file = LogFile::Open(path, LogFile::Mode::kRead);
  EXPECT_THAT(file, IsOk());
  LineReader reader(*std::move(file), from, to, max_line);
  std::vector<std::string> pieces;
  uint64_t end = from;
  AuditLinePiece piece;
  while (reader.Next(&piece).value_or(false)) {
    EXPECT_EQ(piece.offset, end);
    end = piece.end_offset;
    EXPECT_EQ(end - piece.offset, piece.text.size() + (piece.has_lf ? 1 : 0));
    pieces.push_back(absl::StrCat(piece.begins ? "" : "<", piece.text, piece.has_lf ? "" : ">"));
  }
  return pieces;
}

TEST(LineReaderTest, ReadsLinesAndTheIncompleteLastOne) {
  TempDir dir;
  dir.Write("f", "a\n\nbc\r\nde");
  const std::vector<std::string> expected = {"a", "", "bc\r", "de>"};
  EXPECT_EQ(Pieces(dir.PathOf("f"), 0, kEnd, 100), expected);
  const std::vector<std::string> middle = {"", "bc\r"};
  EXPECT_EQ(Pieces(dir.PathOf("f"), 2, 7, 100), middle);
  dir.Write("f", "");
  EXPECT_TRUE(Pieces(dir.PathOf("f"), 0, kEnd, 100).empty());
}

TEST(LineReaderTest, LinesThatAreTooLongComeInPieces) {
  TempDir dir;
  const std::string rest(300 * 1024, 'y');
  dir.Write("f", absl::StrCat("ab\n", std::string(700 * 1024, 'x'), "\nc\n", rest));
  const std::vector<std::string> pieces = Pieces(dir.PathOf("f"), 0, kEnd, 300 * 1024);
  ASSERT_EQ(pieces.size(), 5u);
  EXPECT_EQ(pieces[0], "ab");
  EXPECT_EQ(pieces[1].front(), 'x');
  EXPECT_EQ(pieces[1].back(), '>');
  EXPECT_EQ(pieces[2].front(), '<');
  EXPECT_EQ(pieces[2].back(), 'x');
  EXPECT_EQ(pieces[1].size() + pieces[2].size(), 700u * 1024 + 2);
  EXPECT_EQ(pieces[3], "c");
  EXPECT_EQ(pieces[4], rest + ">");
}

TEST(LogFileTest, AppendsReadsTruncatesAndKnowsItsSize) {
  TempDir dir;
  const std::string path = dir.PathOf("f");
  {
    ASSERT_OK_AND_ASSIGN(LogFile file, LogFile::Open(path, LogFile::Mode::kCreate));
    EXPECT_THAT(file.Append("abc"), IsOk());
    EXPECT_THAT(file.Append("def"), IsOk());
    EXPECT_THAT(file.Truncate(4), IsOk());
    EXPECT_THAT(file.Sync(), IsOk());
  }
  EXPECT_THAT(LogFile::Open(path, LogFile::Mode::kCreate).status(),
              StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK_AND_ASSIGN(LogFile file, LogFile::Open(path, LogFile::Mode::kAppend));
  EXPECT_THAT(file.Append("X"), IsOk());
  EXPECT_THAT(file.Size(), IsOkAndHolds(5u));
  char buffer[8];
  EXPECT_THAT(file.Read(1, buffer, sizeof buffer), IsOkAndHolds(4u));
  EXPECT_EQ(std::string(buffer, 4), "bcdX");
}

TEST(LogFileTest, WhatIsNoFileIsRefusedWithoutWaiting) {
  TempDir dir;
  ASSERT_EQ(mkfifo(dir.PathOf("fifo").c_str(), 0600), 0);
  EXPECT_THAT(LogFile::Open(dir.PathOf("fifo"), LogFile::Mode::kRead).status(),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(LogFile::Open(dir.path(), LogFile::Mode::kRead).status(),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(LogFile::Open(dir.PathOf("none"), LogFile::Mode::kAppend).status(),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace modelref

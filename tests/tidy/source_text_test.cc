#include "tests/tidy/source_text.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace modelref::tidy {
namespace {

TEST(BlankCommentsAndStringsTest, KeepsCodeOffsetsAndLines) {
  EXPECT_EQ(BlankCommentsAndStrings("int a;  // b\nint c; /* d\n e */ f"),
            "int a;      \nint c;     \n      f");
  EXPECT_EQ(BlankCommentsAndStrings(R"(f("a\"b", 'c', '\''))"), "f(      ,    ,     )");
}

TEST(BlankCommentsAndStringsTest, BlanksRawStringsUpToTheirDelimiter) {
  EXPECT_EQ(BlankCommentsAndStrings("x = R\"a(q \" ) )a\"; y"), "x =              ; y");
}

TEST(BlankCommentsAndStringsTest, DigitSeparatorsAreNoCharacters) {
  EXPECT_EQ(BlankCommentsAndStrings("n = 1'000'000; m = 'x';"), "n = 1'000'000; m =    ;");
}

TEST(BlankCommentsAndStringsTest, IncludesKeepTheirPaths) {
  EXPECT_EQ(BlankCommentsAndStrings("#include \"a/b.h\"\n\"s\""), "#include \"a/b.h\"\n   ");
}

TEST(BlankCommentsAndStringsTest, AnUnterminatedCommentEndsWithTheFile) {
  EXPECT_EQ(BlankCommentsAndStrings("a /* b"), "a     ");
}

TEST(ReadTreeTest, LeavesOutBuildTreesHiddenFoldersAndBinaryFiles) {
  const std::filesystem::path root = std::filesystem::path(::testing::TempDir()) / "read_tree_test";
  std::filesystem::remove_all(root);
  const auto write = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path, std::ios::binary) << text;
  };
  write("b.h", "x");
  write("a/c.cc", "y");
  write(".ci/run", "z");
  write(".git/config", "no");
  write(".ninja_log", "no");
  write("out/CMakeCache.txt", "no");
  write("out/generated.h", "no");
  write("image.png", std::string("\0no", 3));

  std::vector<std::string> paths;
  for (const SourceFile& file : ReadTree(root.string())) paths.push_back(file.path);
  EXPECT_THAT(paths, ::testing::ElementsAre(".ci/run", "a/c.cc", "b.h"));
}

TEST(DescribeTest, PutsEachFindingOnALine) {
  EXPECT_EQ(Describe({{"a.h", 3, "bad"}, {"b.h", 0, "worse"}}), "a.h:3: bad\nb.h:0: worse\n");
}

}  // namespace
}  // namespace modelref::tidy

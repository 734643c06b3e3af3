// Holds this tree to its rules.

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/paths.h"
#include "tests/tidy/include_rules.h"
#include "tests/tidy/proto_rules.h"
#include "tests/tidy/size_rules.h"
#include "tests/tidy/source_text.h"
#include "tests/tidy/word_rules.h"

namespace modelref::tidy {
namespace {

const std::vector<SourceFile>& Tree() {
  static const auto* const tree = new std::vector<SourceFile>(ReadTree(testing::SourceDir()));
  return *tree;
}

// What `check` finds in the whole tree, as text.
std::string FindAll(std::vector<Finding> (*check)(const SourceFile&)) {
  std::vector<Finding> all;
  for (const SourceFile& file : Tree()) {
    const std::vector<Finding> found = check(file);
    all.insert(all.end(), found.begin(), found.end());
  }
  return Describe(all);
}

TEST(ProjectTest, TheTreeIsRead) {
  const auto has = [](const std::string& path) {
    return std::any_of(Tree().begin(), Tree().end(),
                       [&](const SourceFile& file) { return file.path == path; });
  };
  EXPECT_TRUE(has("backends/base/json.h"));
  EXPECT_TRUE(has("proto/modelref/v1/common.proto"));
  EXPECT_TRUE(has("tests/tidy/project_test.cc"));
  EXPECT_TRUE(has(".ci/run"));
}

TEST(ProjectTest, IncludesFollowTheArrows) { EXPECT_EQ(FindAll(CheckIncludes), ""); }

TEST(ProjectTest, FilesFunctionsAndLinesKeepTheirLimits) { EXPECT_EQ(FindAll(CheckSizes), ""); }

TEST(ProjectTest, BannedNamesAreNotUsed) { EXPECT_EQ(FindAll(CheckBans), ""); }

TEST(ProjectTest, TextNamesNoMachineAndLeavesNoOpenEnds) { EXPECT_EQ(FindAll(CheckText), ""); }

TEST(ProjectTest, TheProtocolIsCommented) { EXPECT_EQ(FindAll(CheckProtoComments), ""); }

}  // namespace
}  // namespace modelref::tidy

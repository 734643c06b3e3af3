#include "service/store/record_problems.h"

#include <gtest/gtest.h>

namespace modelref {
namespace {

const DocumentKey kTable{"text_generation", Format::kLegacy};

std::vector<std::string> Left(const DocumentKey& key, const std::set<std::string>& written) {
  // Two rows, and a model that is too large.
  std::vector<RecordProblem> problems = {
      {"A/m", 2, "", "A/m,x\n"},
      {"aphrodite/A/m", 2},
      {"koboldcpp/m", 2},
      {"B/m", 3, "", "B/m,x\n"},
      {"aphrodite/B/m", 3},
      {"koboldcpp/m", 3},
      {"large", 0},
  };
  ForgetWritten(key, written, &problems);
  std::vector<std::string> left;
  for (const RecordProblem& problem : problems) left.push_back(problem.name);
  return left;
}

using Names = std::vector<std::string>;

TEST(RecordProblemsTest, ARowIsForgottenWithTheEntriesThatItMakes) {
  EXPECT_EQ(Left(kTable, {"A/m", "aphrodite/A/m", "koboldcpp/m"}),
            (Names{"B/m", "aphrodite/B/m", "koboldcpp/m", "large"}));
  EXPECT_EQ(Left(kTable, {"large"}).size(), 6u);
}

TEST(RecordProblemsTest, AnEntryOfABackendThatChangesEndsNoProblem) {
  EXPECT_EQ(Left(kTable, {"koboldcpp/m", "C/m"}).size(), 7u);
}

TEST(RecordProblemsTest, ElsewhereEachNameStandsForItself) {
  EXPECT_EQ(Left({"clip", Format::kV2}, {"koboldcpp/m"}),
            (Names{"A/m", "aphrodite/A/m", "B/m", "aphrodite/B/m", "large"}));
}

}  // namespace
}  // namespace modelref

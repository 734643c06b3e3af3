#include "clients/modelrefctl/suggestion.h"

#include <gtest/gtest.h>

namespace modelref::ctl {
namespace {

TEST(SuggestionTest, DistanceCountsTypingMistakes) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("list", "list"), 0u);
  EXPECT_EQ(EditDistance("lst", "list"), 1u);
  EXPECT_EQ(EditDistance("lits", "list"), 1u);
  EXPECT_EQ(EditDistance("watch", "hatch"), 1u);
  EXPECT_EQ(EditDistance("get", "stats"), 4u);
}

TEST(SuggestionTest, NearWordIsSuggestedAndFarOneIsNot) {
  EXPECT_EQ(NearestWord("categroy", {"category", "model"}), "category");
  EXPECT_EQ(NearestWord("MODEL", {"category", "model"}), "model");
  EXPECT_EQ(NearestWord("comp", {"completion", "context"}), "completion");
  EXPECT_EQ(NearestWord("frobnicate", {"category", "model"}), "");
  EXPECT_EQ(NearestWord("", {"a"}), "");
  EXPECT_EQ(NearestWord("x", {}), "");
}

TEST(SuggestionTest, SentenceIsEmptyWithoutASuggestion) {
  EXPECT_EQ(DidYouMean("lst", {"list"}), " (did you mean \"list\"?)");
  EXPECT_EQ(DidYouMean("qqqqq", {"list"}), "");
}

}  // namespace
}  // namespace modelref::ctl

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/base/error.h"
#include "service/model_listing_filter.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ModelFilterTest : public testing::Test {
 protected:
  ModelFilterTest() {
    lister_.document = DocumentOf({
        {"Anime XL", R"({"baseline":"xl","nsfw":true,"style":"anime","tags":["anime","manga"]})"},
        {"anime one", R"({"baseline":"sd1","nsfw":false,"style":"anime","tags":["anime"]})"},
        {"Photo", R"({"baseline":"xl","style":"realistic","tags":["photo","manga","photo"]})"},
        {"bare", "{}"},
        {"odd", R"({"baseline":1,"nsfw":"true","style":null,"tags":"anime","parameters":"7"})"},
        {"seven", R"({"parameters":7000000000,"style":"","tags":[""]})"},
        {"thirteen", R"({"parameters_count":13000000000})"},
    });
  }

  v1::ModelFilter& filter() { return *lister_.request.mutable_filter(); }
  std::vector<std::string> Names() { return lister_.AllNames(); }

  Lister lister_;
};

TEST_F(ModelFilterTest, AnEmptyFilterMatchesEverything) {
  EXPECT_EQ(Names().size(), 7u);
  filter();
  EXPECT_EQ(Names().size(), 7u);
}

TEST_F(ModelFilterTest, NameContainsIgnoresTheCaseOfAsciiLetters) {
  filter().set_name_contains("ANIME");
  EXPECT_THAT(Names(), ElementsAre("Anime XL", "anime one"));
  filter().set_name_contains("e o");
  EXPECT_THAT(Names(), ElementsAre("anime one"));
  filter().set_name_contains("Photo");
  EXPECT_THAT(Names(), ElementsAre("Photo"));
}

TEST_F(ModelFilterTest, NameContainsDoesNotMatchAcrossTwoNames) {
  lister_.document = DocumentOf({{"ab", "{}"}, {"cd", "{}"}, {"xbc", "{}"}, {"d", "{}"}});
  filter().set_name_contains("bc");
  EXPECT_THAT(Names(), ElementsAre("xbc"));
  filter().set_name_contains("abcd");
  EXPECT_THAT(Names(), IsEmpty());
  filter().set_name_contains("d");
  EXPECT_THAT(Names(), ElementsAre("cd", "d"));
}

TEST_F(ModelFilterTest, NameContainsLeavesOtherLettersAlone) {
  lister_.document = DocumentOf({{"É", "{}"}, {"é", "{}"}});
  filter().set_name_contains("é");
  EXPECT_THAT(Names(), ElementsAre("é"));
}

TEST_F(ModelFilterTest, BaselinesAndStylesAreExactAlternatives) {
  filter().add_baselines("xl");
  EXPECT_THAT(Names(), ElementsAre("Anime XL", "Photo"));
  filter().add_baselines("sd1");
  EXPECT_THAT(Names(), ElementsAre("Anime XL", "anime one", "Photo"));
  filter().add_styles("anime");
  filter().add_styles("Realistic");
  EXPECT_THAT(Names(), ElementsAre("Anime XL", "anime one"));
  filter().clear_baselines();
  filter().clear_styles();
  filter().add_styles("");
  EXPECT_THAT(Names(), ElementsAre("seven"));
}

TEST_F(ModelFilterTest, ARecordWithoutTheNsfwFlagCountsAsFalse) {
  filter().set_nsfw(true);
  EXPECT_THAT(Names(), ElementsAre("Anime XL"));
  filter().set_nsfw(false);
  EXPECT_THAT(Names(), ElementsAre("anime one", "Photo", "bare", "odd", "seven", "thirteen"));
}

TEST_F(ModelFilterTest, TagsAnyAllAndNone) {
  filter().add_tags_any("photo");
  filter().add_tags_any("anime");
  EXPECT_THAT(Names(), ElementsAre("Anime XL", "anime one", "Photo"));
  filter().add_tags_all("manga");
  filter().add_tags_all("manga");
  EXPECT_THAT(Names(), ElementsAre("Anime XL", "Photo"));
  filter().add_tags_none("photo");
  EXPECT_THAT(Names(), ElementsAre("Anime XL"));
  filter().add_tags_all("Anime");
  EXPECT_THAT(Names(), IsEmpty());
  filter().Clear();
  filter().add_tags_none("anime");
  EXPECT_THAT(Names(), ElementsAre("Photo", "bare", "odd", "seven", "thirteen"));
  filter().Clear();
  filter().add_tags_any("");
  EXPECT_THAT(Names(), ElementsAre("seven"));
}

TEST_F(ModelFilterTest, AParametersRangeNeedsANumberAndIncludesItsEnds) {
  filter().set_parameters_min(7'000'000'000);
  EXPECT_THAT(Names(), ElementsAre("seven", "thirteen"));
  filter().set_parameters_max(7'000'000'000);
  EXPECT_THAT(Names(), ElementsAre("seven"));
  filter().clear_parameters_min();
  EXPECT_THAT(Names(), ElementsAre("seven"));
  filter().set_parameters_max(6'999'999'999);
  EXPECT_THAT(Names(), IsEmpty());
  filter().set_parameters_max(INT64_MAX);
  EXPECT_THAT(Names(), ElementsAre("seven", "thirteen"));
}

TEST_F(ModelFilterTest, TotalMatchesCountsAllPages) {
  filter().add_tags_none("nothing");
  lister_.request.set_page_size(2);
  EXPECT_EQ(lister_.NextNames().size(), 2u);
  EXPECT_EQ(lister_.last.total_matches(), 7u);
}

TEST_F(ModelFilterTest, ConditionsThatMakeNoSenseAreAllReported) {
  filter().set_parameters_min(2);
  filter().set_parameters_max(1);
  for (int i = 0; i <= kMaxFilterValues; ++i) filter().add_tags_none(std::to_string(i));
  const absl::Status status = lister_.List().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "BAD_FIELD");
  const auto violations = ExtrasOf(status).field_violations;
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_EQ(violations[0].field, "filter.tags_none");
  EXPECT_EQ(violations[1].field, "filter.parameters_min");
}

TEST_F(ModelFilterTest, AListAtItsLimitIsAccepted) {
  for (int i = 0; i < kMaxFilterValues; ++i) filter().add_tags_any(std::to_string(i));
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_TRUE(lister_.List().ok());
}

}  // namespace
}  // namespace modelref

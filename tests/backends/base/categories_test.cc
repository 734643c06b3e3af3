#include "backends/base/categories.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace modelref {
namespace {

TEST(CategoriesTest, AreTheFifteenInDeclarationOrder) {
  std::string names;
  for (const Category& category : BuiltInCategories()) {
    names += std::string(category.name) + " ";
  }
  EXPECT_EQ(names,
            "blip clip codeformer controlnet controlnet_annotator esrgan gfpgan safety_checker "
            "image_generation text_generation video_generation audio_generation miscellaneous "
            "lora ti ");
}

TEST(CategoriesTest, HaveValidNamesAndDistinctFiles) {
  std::set<absl::string_view> files;
  for (const Category& category : BuiltInCategories()) {
    EXPECT_TRUE(ValidateCategoryName(category.name).ok()) << category.name;
    EXPECT_TRUE(files.insert(category.v2_file).second) << category.v2_file;
  }
}

TEST(CategoriesTest, KnowTheIrregularFiles) {
  EXPECT_EQ(FindBuiltInCategory("image_generation")->v2_file, "stable_diffusion.json");
  EXPECT_EQ(FindBuiltInCategory("image_generation")->legacy_file, "stable_diffusion.json");
  EXPECT_EQ(FindBuiltInCategory("text_generation")->v2_file, "text_generation.json");
  EXPECT_EQ(FindBuiltInCategory("text_generation")->legacy_file, "models.csv");
  EXPECT_EQ(FindBuiltInCategory("text_generation")->legacy_fallback_file, "text_generation.json");
  EXPECT_FALSE(FindBuiltInCategory("controlnet_annotator")->has_legacy());
  EXPECT_TRUE(FindBuiltInCategory("lora")->managed_elsewhere);
  EXPECT_EQ(FindBuiltInCategory("nonesuch"), nullptr);
}

TEST(CategoriesTest, ResolveTheAliasesOfV1) {
  EXPECT_EQ(ResolveCategoryAlias("stable_diffusion"), "image_generation");
  EXPECT_EQ(ResolveCategoryAlias("stable_diffusion.json"), "image_generation");
  EXPECT_EQ(ResolveCategoryAlias("db.json"), "text_generation");
  EXPECT_EQ(ResolveCategoryAlias("clip.json"), "clip");
  EXPECT_EQ(ResolveCategoryAlias("image_generation.json"), "image_generation");
  EXPECT_EQ(ResolveCategoryAlias("clip"), "clip");
  EXPECT_EQ(ResolveCategoryAlias("db"), "db");
}

TEST(CategoryNameTest, AllowsWhatTheDesignAllows) {
  EXPECT_TRUE(ValidateCategoryName("a").ok());
  EXPECT_TRUE(ValidateCategoryName("rendered_3d").ok());
  EXPECT_TRUE(ValidateCategoryName("a" + std::string(63, '_')).ok());
}

TEST(CategoryNameTest, RefusesPathsReservedStemsAndOtherAlphabets) {
  for (const std::string name :
       {"", "A", "1a", "_a", "a-b", "a/b", "..", "a.json", "caf\xC3\xA9", "a b", "legacy", "meta",
        "audit", "models", "stable_diffusion", "pending_queue", "text_generation_group_aliases"}) {
    EXPECT_EQ(ValidateCategoryName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_FALSE(ValidateCategoryName("a" + std::string(64, 'b')).ok());
}

TEST(ModelNameTest, AllowsSlashesSpacesQuotesAndUnicode) {
  for (const std::string name :
       {"ViT-L/14", "Hassaku XL", "\"quoted\" 'name'", "a\\b", "\xF0\x9F\x98\x80", "..", " "}) {
    EXPECT_TRUE(ValidateModelName(name).ok()) << name;
  }
  EXPECT_TRUE(ValidateModelName(std::string(512, 'x')).ok());
}

TEST(ModelNameTest, RefusesEmptyLongControlAndIllFormedNames) {
  for (const std::string& name :
       {std::string(), std::string(513, 'x'), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x7F"), std::string("\xC2\x85"), std::string("\xED\xA0\x80"),
        std::string("\xFF")}) {
    EXPECT_EQ(ValidateModelName(name).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(ValidateModelName("abc", /*max_bytes=*/2).ok());
}

}  // namespace
}  // namespace modelref

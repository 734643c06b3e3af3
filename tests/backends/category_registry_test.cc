#include "backends/category_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

TEST(CategoryRegistryTest, HasTheBuiltInCategoriesFirstAndInOrder) {
  ASSERT_OK_AND_ASSIGN(const CategoryRegistry registry,
                       CategoryRegistry::Create({{.name = "workflows"}}));
  ASSERT_EQ(registry.categories().size(), 16u);
  for (size_t i = 0; i < 15; ++i) {
    EXPECT_EQ(registry.categories()[i].name, BuiltInCategories()[i].name);
  }
  EXPECT_EQ(registry.categories()[15].name, "workflows");
}

TEST(CategoryRegistryTest, AnExtraCategoryHasBothFormsAndDefaultFiles) {
  ASSERT_OK_AND_ASSIGN(const CategoryRegistry registry,
                       CategoryRegistry::Create({{.name = "workflows", .domain = "image"}}));
  const Category* category = registry.Find("workflows");
  ASSERT_NE(category, nullptr);
  EXPECT_EQ(category->domain, "image");
  EXPECT_EQ(category->v2_file, "workflows.json");
  EXPECT_EQ(category->legacy_file, "workflows.json");
  EXPECT_TRUE(category->has_legacy());
  EXPECT_FALSE(category->managed_elsewhere);
}

TEST(CategoryRegistryTest, AnExtraCategoryMayNameItsFiles) {
  ASSERT_OK_AND_ASSIGN(
      const CategoryRegistry registry,
      CategoryRegistry::Create({{.name = "w", .v2_file = "wf.json", .legacy_file = "old.json"}}));
  EXPECT_EQ(registry.Find("w")->v2_file, "wf.json");
  EXPECT_EQ(registry.Find("w")->legacy_file, "old.json");
}

TEST(CategoryRegistryTest, ResolvesNoAliases) {
  ASSERT_OK_AND_ASSIGN(const CategoryRegistry registry, CategoryRegistry::Create({}));
  EXPECT_NE(registry.Find("image_generation"), nullptr);
  for (const char* name : {"stable_diffusion", "clip.json", "CLIP", ""}) {
    EXPECT_EQ(registry.Find(name), nullptr) << name;
  }
}

TEST(CategoryRegistryTest, RefusesBadAndRepeatedNames) {
  for (const char* name : {"", "Upper", "a/b", "..", "legacy", "stable_diffusion"}) {
    EXPECT_THAT(CategoryRegistry::Create({{.name = name}}), StatusIs(kInvalid)) << name;
  }
  EXPECT_THAT(CategoryRegistry::Create({{.name = "clip"}}),
              StatusIs(kInvalid, HasSubstr("clip is named twice")));
  EXPECT_THAT(CategoryRegistry::Create({{.name = "w"}, {.name = "w"}}), StatusIs(kInvalid));
}

TEST(CategoryRegistryTest, RefusesFilesThatAreNoPlainJsonNames) {
  for (const char* file :
       {"../w.json", "/etc/w.json", "sub/w.json", "w.csv", "w", ".json", ".hidden.json"}) {
    EXPECT_THAT(CategoryRegistry::Create({{.name = "w", .v2_file = file}}), StatusIs(kInvalid))
        << file;
    EXPECT_THAT(CategoryRegistry::Create({{.name = "w", .legacy_file = file}}), StatusIs(kInvalid))
        << file;
  }
}

TEST(CategoryRegistryTest, RefusesAFileThatTwoCategoriesWouldShare) {
  EXPECT_THAT(CategoryRegistry::Create({{.name = "w", .v2_file = "stable_diffusion.json"}}),
              StatusIs(kInvalid, HasSubstr("image_generation and w would share a file")));
  EXPECT_THAT(CategoryRegistry::Create({{.name = "w", .legacy_file = "clip.json"}}),
              StatusIs(kInvalid));
  EXPECT_THAT(CategoryRegistry::Create(
                  {{.name = "w", .v2_file = "x.json"}, {.name = "v", .v2_file = "x.json"}}),
              StatusIs(kInvalid));
  // text_generation reads it when models.csv is absent.
  EXPECT_THAT(CategoryRegistry::Create({{.name = "w", .legacy_file = "text_generation.json"}}),
              StatusIs(kInvalid));
}

TEST(CategoryRegistryTest, HoldsAtMost256Categories) {
  std::vector<ExtraCategory> extra;
  for (size_t i = 0; i < kMaxCategories - 15; ++i) extra.push_back({.name = absl::StrCat("w", i)});
  EXPECT_THAT(CategoryRegistry::Create(extra), IsOk());
  extra.push_back({.name = "one_more"});
  EXPECT_THAT(CategoryRegistry::Create(extra), StatusIs(kInvalid, HasSubstr("256")));
}

TEST(CategoryRegistryTest, ViewsOfExtraCategoriesSurviveAMove) {
  std::vector<ExtraCategory> extra;
  for (int i = 0; i < 100; ++i) extra.push_back({.name = absl::StrCat("w", i), .purpose = "p"});
  absl::StatusOr<CategoryRegistry> created = CategoryRegistry::Create(extra);
  ASSERT_THAT(created, IsOk());
  const CategoryRegistry moved = *std::move(created);
  for (int i = 0; i < 100; ++i) {
    const Category* category = moved.Find(absl::StrCat("w", i));
    ASSERT_NE(category, nullptr) << i;
    EXPECT_EQ(category->v2_file, absl::StrCat("w", i, ".json"));
    EXPECT_EQ(category->purpose, "p");
  }
}

TEST(CategoryRegistryTest, DocumentKeysAreBothFormsOfEveryCategoryV2First) {
  ASSERT_OK_AND_ASSIGN(const CategoryRegistry registry, CategoryRegistry::Create({{.name = "w"}}));
  const std::vector<DocumentKey> keys = registry.DocumentKeys();
  ASSERT_EQ(keys.size(), 32u);
  EXPECT_EQ(keys[0], (DocumentKey{"blip", Format::kV2}));
  EXPECT_EQ(keys[1], (DocumentKey{"blip", Format::kLegacy}));
  EXPECT_EQ(keys[30], (DocumentKey{"w", Format::kV2}));
  EXPECT_EQ(keys[31], (DocumentKey{"w", Format::kLegacy}));
}

}  // namespace
}  // namespace modelref

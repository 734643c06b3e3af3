#include "backends/category_registry.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"

namespace modelref {

absl::StatusOr<CategoryRegistry> CategoryRegistry::Create(const std::vector<ExtraCategory>& extra) {
  CategoryRegistry registry;
  registry.categories_ = BuiltInCategories();
  if (registry.categories_.size() + extra.size() > kMaxCategories) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxCategories, " categories"));
  }
  for (const ExtraCategory& category : extra) RETURN_IF_ERROR(registry.Add(category));
  return registry;
}

absl::Status CategoryRegistry::Add(const ExtraCategory& extra) {
  RETURN_IF_ERROR(ValidateCategoryName(extra.name));
  if (Find(extra.name) != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("category ", extra.name, " is named twice"));
  }
  Category category;
  category.name = strings_.emplace_back(extra.name);
  category.domain = strings_.emplace_back(extra.domain);
  category.purpose = strings_.emplace_back(extra.purpose);
  const auto file = [&](const std::string& configured) {
    return absl::string_view(
        strings_.emplace_back(configured.empty() ? DefaultCategoryFile(extra.name) : configured));
  };
  category.v2_file = file(extra.v2_file);
  category.legacy_file = file(extra.legacy_file);
  for (const absl::string_view name : {category.v2_file, category.legacy_file}) {
    if (!absl::EndsWith(name, ".json") || name.find('/') != absl::string_view::npos ||
        name.front() == '.') {
      return absl::InvalidArgumentError(absl::StrCat("category ", extra.name, ": \"", name,
                                                     "\" must be a plain *.json file name"));
    }
  }
  for (const Category& other : categories_) {
    if (other.v2_file == category.v2_file || other.legacy_file == category.legacy_file ||
        other.legacy_fallback_file == category.legacy_file) {
      return absl::InvalidArgumentError(
          absl::StrCat("categories ", other.name, " and ", extra.name, " would share a file"));
    }
  }
  categories_.push_back(category);
  return absl::OkStatus();
}

const Category* CategoryRegistry::Find(absl::string_view name) const {
  for (const Category& category : categories_) {
    if (category.name == name) return &category;
  }
  return nullptr;
}

std::vector<DocumentKey> CategoryRegistry::DocumentKeys() const {
  std::vector<DocumentKey> keys;
  for (const Category& category : categories_) {
    keys.push_back({std::string(category.name), Format::kV2});
    keys.push_back({std::string(category.name), Format::kLegacy});
  }
  return keys;
}

}  // namespace modelref

#pragma once

#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/categories.h"
#include "backends/base/document_key.h"

namespace modelref {

inline constexpr size_t kMaxCategories = 256;

// A category that the configuration adds. Empty files: "<name>.json".
struct ExtraCategory {
  std::string name;
  std::string domain;
  std::string purpose;
  std::string v2_file;
  std::string legacy_file;
};

// The categories of one deployment: the built-in ones, then more from the configuration. Constant
// after Create, hence thread-safe.
class CategoryRegistry {
 public:
  //   INVALID_ARGUMENT  a bad or repeated name, a file that is no plain name or belongs to two
  //   categories, or more than
  //                     kMaxCategories.
  static absl::StatusOr<CategoryRegistry> Create(const std::vector<ExtraCategory>& extra);

  CategoryRegistry(CategoryRegistry&&) = default;
  CategoryRegistry& operator=(CategoryRegistry&&) = default;
  // The views of a copy would point into the original.
  CategoryRegistry(const CategoryRegistry&) = delete;
  CategoryRegistry& operator=(const CategoryRegistry&) = delete;

  const std::vector<Category>& categories() const { return categories_; }
  // Null when there is no such category. Aliases are not resolved here.
  const Category* Find(absl::string_view name) const;
  // Both documents of every category, in order of the categories, v2 first.
  std::vector<DocumentKey> DocumentKeys() const;

 private:
  CategoryRegistry() = default;
  absl::Status Add(const ExtraCategory& extra);

  std::deque<std::string> strings_;  // What the views of extra categories point to; never moves.
  std::vector<Category> categories_;
};

}  // namespace modelref

#pragma once

// The fifteen categories of the original (H 1.1), the names that stand for them, and what a
// category or a model may be called. Thread-safe: everything is constant.

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref {

inline constexpr size_t kMaxCategoryNameBytes = 64;
inline constexpr size_t kMaxModelNameBytes = 512;

struct Category {
  absl::string_view name;
  absl::string_view domain;   // image, text, video, audio or rendered_3d.
  absl::string_view purpose;  // generation, post_processing, auxiliary_or_patch, ...
  // File names in the data directory and in its legacy/ folder. An empty legacy_file means that the
  // category has no legacy form; legacy_fallback_file is read when legacy_file is absent.
  absl::string_view v2_file;
  absl::string_view legacy_file;
  absl::string_view legacy_fallback_file;
  // Kept by another service: served raw, never typed.
  bool managed_elsewhere = false;

  bool has_legacy() const { return !legacy_file.empty(); }
};

// In the original's declaration order, which is the order of every listing.
const std::vector<Category>& BuiltInCategories();

// Null when `name` is not one of the fifteen.
const Category* FindBuiltInCategory(absl::string_view name);

// The category that a name of the original's v1 addresses stands for: "stable_diffusion" and any
// "X.json" (by category or by file), "db.json" for text_generation. Other names are returned as is.
std::string ResolveCategoryAlias(absl::string_view name);

// Where a category that is not built in keeps its documents: "<name>.json", in both places.
std::string DefaultCategoryFile(absl::string_view name);

//   INVALID_ARGUMENT  not [a-z][a-z0-9_]{0,63}, or the stem of a file or folder that the data
//                     directory uses otherwise (legacy, meta, models, stable_diffusion, ...).
absl::Status ValidateCategoryName(absl::string_view name);

//   INVALID_ARGUMENT  empty, longer than `max_bytes`, not UTF-8, or with control characters.
absl::Status ValidateModelName(absl::string_view name, size_t max_bytes = kMaxModelNameBytes);

}  // namespace modelref

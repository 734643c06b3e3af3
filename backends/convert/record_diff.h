#pragma once

// What differs between two records, field by field (H 4.4).

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/categories.h"
#include "backends/base/json.h"

namespace modelref {

struct FieldDifference {
  // Member names joined by dots. Inside a name, a dot is "\." and what JSON escapes is escaped as
  // there, so that a path is UTF-8 and says one thing only.
  std::string path;
  // Unset: absent, or null.
  std::optional<Json> before;
  std::optional<Json> after;
  // What the model is, where it comes from, whether it is safe for work: H 4.4's sets, with the
  // style of controlnets in all its spellings (W-C17), the files of the legacy config, and
  // everything that contains one of them.
  bool critical = false;
  bool operator==(const FieldDifference&) const = default;
};

// By path. A null record is an absent one: then every member is added or removed. Null members
// count as absent. Objects are compared member by member in any order, arrays as a whole; numbers
// are equal by value (1, 1.0 and 1e0), true is not 1. An object that only one side has is told by
// its members, an empty one by itself. Objects below a path of 256 bytes are compared as a whole,
// which bounds the size of the answer.
std::vector<FieldDifference> DiffRecords(const Category& category, const JsonObject* before,
                                         const JsonObject* after);

// Whether a path is one of the critical ones of the category.
bool IsCriticalField(const Category& category, absl::string_view path);

}  // namespace modelref

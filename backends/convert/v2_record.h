#pragma once

// Builds v2 records member by member, in the field order and with the omissions of the original's
// serialiser (H 3.8).

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/categories.h"
#include "backends/base/json.h"
#include "backends/convert/legacy_config.h"

namespace modelref {

class V2Record {
 public:
  // Absent optionals are left out; the original writes no null.
  void AddString(absl::string_view name, const std::optional<std::string>& value);
  void AddNumber(absl::string_view name, const std::optional<std::string>& decimal);
  void AddBool(absl::string_view name, bool value);
  void AddStrings(absl::string_view name, const std::vector<std::string>& values);
  void AddObject(absl::string_view name, std::optional<JsonObject> value);

  // {"schema_version": "2.0.0"}
  void AddMetadata();
  // {"domain": ..., "purpose": ...}
  void AddClassification(const Category& category);
  // With `omit_defaults`, what equals the original's defaults is left out: an unknown sha256sum, an
  // empty list of downloads, an empty config.
  void AddConfig(ConvertedConfig config, bool omit_defaults);

  Json Take() { return Json(std::move(object_)); }

 private:
  void Add(absl::string_view name, Json value) {
    object_.members().emplace_back(std::string(name), std::move(value));
  }

  JsonObject object_;
};

}  // namespace modelref

#pragma once

// Reads typed fields of a legacy record as the original's data classes do (pydantic 2, lax mode):
// strings must be strings; a bool may be written as 0, 1, "yes", "off"; an int as "5", 5.0 or true.
// Everything that does not fit is collected, so that one report names every bad field.

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/error.h"
#include "backends/base/json.h"

namespace modelref {

class LegacyFields {
 public:
  // `object` must outlive this. `path` precedes the field names in problems: "config.files[2].".
  // Problems are added to `problems`, which must outlive this, too.
  LegacyFields(const JsonObject& object, std::string path, std::vector<FieldViolation>* problems)
      : object_(object), path_(std::move(path)), problems_(problems) {}

  // Nothing when the field is absent or null.
  std::optional<std::string> OptionalString(absl::string_view name);
  std::optional<bool> OptionalBool(absl::string_view name);
  // The number in decimal, without leading zeros or fraction.
  std::optional<std::string> OptionalInt(absl::string_view name);
  std::optional<std::vector<std::string>> OptionalStrings(absl::string_view name);
  // A map of strings.
  std::optional<JsonObject> OptionalStringMap(absl::string_view name);
  // A map of scalars and lists of scalars of one type, numbers as Python writes them.
  std::optional<JsonObject> OptionalScalarMap(absl::string_view name);

  // Must be there and not null.
  std::string RequiredString(absl::string_view name);
  // May be absent, must not be null.
  bool BoolOr(absl::string_view name, bool fallback);
  // May be absent; if not, it must be one of `allowed`.
  void CheckLiteral(absl::string_view name, const std::vector<absl::string_view>& allowed);

  // The value of a field, or null when it is absent or null.
  const Json* Find(absl::string_view name) const;
  void AddProblem(absl::string_view name, absl::string_view what);

 private:
  std::optional<bool> ToBool(absl::string_view name, const Json& value);

  const JsonObject& object_;
  const std::string path_;
  std::vector<FieldViolation>* const problems_;
};

// The lax conversions alone; nothing when the value does not fit.
std::optional<bool> LaxBool(const Json& value);
std::optional<std::string> LaxInt(const Json& value);
// A scalar, or a list of scalars, as a field of the union int | float | str | list[int] |
// list[float] | list[str] | bool comes out of it.
std::optional<Json> ScalarOrList(const Json& value);

}  // namespace modelref

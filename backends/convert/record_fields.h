#pragma once

// What the checks of both forms share: tables of fields and the rules of single values.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "backends/base/categories.h"
#include "backends/base/json.h"
#include "backends/convert/record_check.h"

namespace modelref {

enum class FieldKind {
  kString,
  kBool,
  kInteger,    // Written as one, within 64 bits.
  kCount,      // An integer that is not negative.
  kStrings,    // A list of strings.
  kStringMap,  // An object of strings.
  kScalarMap,  // An object of finite numbers, strings, booleans and lists of numbers or strings.
  kList,
  kObject,
};

enum class Presence {
  kRequired,  // There and not null.
  kNotNull,   // May be absent.
  kOptional,  // May be absent or null.
};

struct FieldRule {
  absl::string_view name;
  FieldKind kind = FieldKind::kString;
  Presence presence = Presence::kOptional;
};

// Judges the members of one object. What is wrong is added to `check`, which must outlive this, as
// must `object`.
class FieldChecker {
 public:
  // `path` precedes the names of members: "config.download[0].", or nothing.
  FieldChecker(const JsonObject& object, std::string path, RecordCheck* check)
      : object_(object), path_(std::move(path)), check_(check) {}

  void Check(absl::Span<const FieldRule> rules);

  // The member when it is of that type and not null, else null: then Check has said so where that
  // is a violation.
  const std::string* String(absl::string_view name) const;
  const JsonArray* Array(absl::string_view name) const;
  const JsonObject* Object(absl::string_view name) const;

  // A file that must lie inside the folder of models; absent is not judged.
  void CheckFileName(absl::string_view name);
  // Unknown is a warning, something that is no SHA-256 a violation.
  void CheckSha256(absl::string_view name, bool must_be_known);

  void Violate(absl::string_view name, absl::string_view what);
  void Warn(absl::string_view name, absl::string_view what);

 private:
  void CheckOne(const FieldRule& rule, const Json& value);
  void CheckMap(absl::string_view name, const JsonObject& map, FieldKind kind);

  const JsonObject& object_;
  const std::string path_;
  RecordCheck* const check_;
};

// Calls fn for each element of the list, which must be objects; `path` is that of the list.
void CheckObjects(const JsonArray& list, absl::string_view path, RecordCheck* check,
                  absl::FunctionRef<void(FieldChecker&)> fn);

// Adds one to the list or, when that is full, to the count.
void AddViolation(RecordViolation violation, RecordCheck* check);
// Adds those of fields that have none yet.
void AddNewViolations(std::vector<RecordViolation> violations, RecordCheck* check);

// What every record must be: at most `max_depth` levels deep, of finite numbers, under a good name
// that it has itself and that, of a text model, is neither generated nor an address.
void CheckWholeRecord(const Category& category, absl::string_view name, const JsonObject& record,
                      size_t max_depth, RecordCheck* check);

// Drops null members of the fields that the legacy form knows (H 1.7), also in the entries of
// config.
void DropLegacyNulls(const Category& category, JsonObject* record);

// Text as a message can carry it: UTF-8, and no more than some hundred bytes.
std::string Presentable(absl::string_view text);
// The name of a member, as a part of a path.
std::string PresentableKey(absl::string_view name);
// Text in quotes, with what JSON escapes escaped.
std::string Quoted(absl::string_view text);

}  // namespace modelref

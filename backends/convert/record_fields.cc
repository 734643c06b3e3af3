#include "backends/convert/record_fields.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/convert/legacy_fields.h"
#include "backends/convert/python_text.h"

namespace modelref {
namespace {

constexpr size_t kSha256HexDigits = 64;
constexpr absl::string_view kUnknownSha256 = "FIXME";

absl::string_view NameOfKind(FieldKind kind) {
  switch (kind) {
    case FieldKind::kString:
      return "a string";
    case FieldKind::kBool:
      return "true or false";
    case FieldKind::kInteger:
      return "an integer of at most 64 bits";
    case FieldKind::kCount:
      return "an integer from 0 to 2^63 - 1";
    case FieldKind::kStrings:
      return "a list of strings";
    case FieldKind::kStringMap:
      return "an object of strings";
    case FieldKind::kList:
      return "a list";
    case FieldKind::kScalarMap:
    case FieldKind::kObject:
      return "an object";
  }
  return "";
}

absl::string_view NameOfType(const Json& value) {
  if (value.AsBool() != nullptr) return "a boolean";
  if (value.AsNumber() != nullptr) return "this number";
  if (value.AsString() != nullptr) return "a string";
  if (value.AsArray() != nullptr) return "a list";
  if (value.AsObject() != nullptr) return "an object";
  return "null";
}

std::string Expected(FieldKind kind, const Json& value) {
  return absl::StrCat(NameOfKind(kind), " is expected, not ", NameOfType(value));
}

bool IsInteger(const Json& value, int64_t at_least) {
  const JsonNumber* number = value.AsNumber();
  int64_t integer = 0;
  return number != nullptr && IsPythonInt(number->lexeme) &&
         absl::SimpleAtoi(number->lexeme, &integer) && integer >= at_least;
}

bool IsOfKind(const Json& value, FieldKind kind) {
  switch (kind) {
    case FieldKind::kString:
      return value.AsString() != nullptr;
    case FieldKind::kBool:
      return value.AsBool() != nullptr;
    case FieldKind::kInteger:
      return IsInteger(value, INT64_MIN);
    case FieldKind::kCount:
      return IsInteger(value, 0);
    case FieldKind::kStrings:
    case FieldKind::kList:
      return value.AsArray() != nullptr;
    case FieldKind::kStringMap:
    case FieldKind::kScalarMap:
    case FieldKind::kObject:
      return value.AsObject() != nullptr;
  }
  return false;
}

// Without the coercions of the original, whose lists are of one type.
bool IsScalarOrList(const Json& value) {
  if (!ScalarOrList(value).has_value()) return false;
  const JsonArray* array = value.AsArray();
  if (array == nullptr) return true;
  const auto all = [array](auto predicate) {
    return std::all_of(array->begin(), array->end(), predicate);
  };
  return all([](const Json& item) { return item.AsNumber() != nullptr; }) ||
         all([](const Json& item) { return item.AsString() != nullptr; });
}

bool IsSha256Hex(absl::string_view text) {
  return text.size() == kSha256HexDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

// Relative, on any system, and never upwards.
bool StaysInFolder(absl::string_view path) {
  if (path.front() == '/' || path.front() == '\\') return false;
  if (path.size() > 1 && path[1] == ':' && absl::ascii_isalpha(path[0])) return false;
  for (const absl::string_view part : absl::StrSplit(path, absl::ByAnyChar("/\\"))) {
    if (part == "..") return false;
  }
  return true;
}

bool HasControlCharacter(absl::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
}

}  // namespace

void FieldChecker::Violate(absl::string_view name, absl::string_view what) {
  AddViolation({absl::StrCat(path_, name), std::string(what)}, check_);
}

void FieldChecker::Warn(absl::string_view name, absl::string_view what) {
  if (check_->warnings.size() >= kMaxListedViolations) return;
  check_->warnings.push_back({absl::StrCat(path_, name), std::string(what)});
}

void FieldChecker::Check(absl::Span<const FieldRule> rules) {
  for (const FieldRule& rule : rules) {
    const Json* value = object_.Find(rule.name);
    if (value == nullptr) {
      if (rule.presence == Presence::kRequired) Violate(rule.name, "is missing");
    } else if (!value->is_null()) {
      CheckOne(rule, *value);
    } else if (rule.presence != Presence::kOptional) {
      Violate(rule.name, Expected(rule.kind, *value));
    }
  }
}

void FieldChecker::CheckOne(const FieldRule& rule, const Json& value) {
  if (!IsOfKind(value, rule.kind)) return Violate(rule.name, Expected(rule.kind, value));
  constexpr absl::string_view kNotText = "is not Unicode text";
  if (rule.kind == FieldKind::kString && !IsValidUtf8(*value.AsString())) {
    Violate(rule.name, kNotText);
  }
  if (rule.kind == FieldKind::kStrings) {
    const JsonArray& list = *value.AsArray();
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string* text = list[i].AsString();
      if (text != nullptr && IsValidUtf8(*text)) continue;
      Violate(absl::StrCat(rule.name, "[", i, "]"),
              text == nullptr ? Expected(FieldKind::kString, list[i]) : std::string(kNotText));
    }
  }
  if (rule.kind == FieldKind::kStringMap || rule.kind == FieldKind::kScalarMap) {
    CheckMap(rule.name, *value.AsObject(), rule.kind);
  }
}

void FieldChecker::CheckMap(absl::string_view name, const JsonObject& map, FieldKind kind) {
  for (const auto& [key, value] : map.members()) {
    const std::string place = absl::StrCat(name, ".", PresentableKey(key));
    if (kind == FieldKind::kScalarMap && !IsScalarOrList(value)) {
      Violate(
          place,
          "a finite number, a string, true, false or a list of numbers or of strings is expected");
    } else if (kind == FieldKind::kStringMap && value.AsString() == nullptr) {
      Violate(place, Expected(FieldKind::kString, value));
    }
  }
}

const std::string* FieldChecker::String(absl::string_view name) const {
  const Json* value = object_.Find(name);
  return value == nullptr ? nullptr : value->AsString();
}

const JsonArray* FieldChecker::Array(absl::string_view name) const {
  const Json* value = object_.Find(name);
  return value == nullptr ? nullptr : value->AsArray();
}

const JsonObject* FieldChecker::Object(absl::string_view name) const {
  const Json* value = object_.Find(name);
  return value == nullptr ? nullptr : value->AsObject();
}

void FieldChecker::CheckFileName(absl::string_view name) {
  const std::string* path = String(name);
  if (path == nullptr) return;
  if (path->empty()) {
    Violate(name, "is empty");
  } else if (HasControlCharacter(*path)) {
    Violate(name, "has control characters");
  } else if (!StaysInFolder(*path)) {
    Violate(name, absl::StrCat(Quoted(*path), " is outside of the folder of models"));
  }
}

void FieldChecker::CheckSha256(absl::string_view name, bool must_be_known) {
  const Json* value = object_.Find(name);
  const std::string* text = String(name);
  const bool unknown = value == nullptr || value->is_null() ||
                       (text != nullptr && (text->empty() || *text == kUnknownSha256));
  if (unknown) {
    if (must_be_known) Warn(name, "is not known: the file cannot be verified");
  } else if (text != nullptr && !IsSha256Hex(*text)) {
    Violate(name, absl::StrCat(Quoted(*text), " is not 64 hexadecimal digits"));
  }
}

void CheckObjects(const JsonArray& list, absl::string_view path, RecordCheck* check,
                  absl::FunctionRef<void(FieldChecker&)> fn) {
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string place = absl::StrCat(path, "[", i, "]");
    if (list[i].AsObject() == nullptr) {
      AddViolation({place, Expected(FieldKind::kObject, list[i])}, check);
      continue;
    }
    FieldChecker fields(*list[i].AsObject(), absl::StrCat(place, "."), check);
    fn(fields);
  }
}

void AddViolation(RecordViolation violation, RecordCheck* check) {
  if (check->violations.size() < kMaxListedViolations) {
    check->violations.push_back(std::move(violation));
  } else {
    ++check->unlisted;
  }
}

void AddNewViolations(std::vector<RecordViolation> violations, RecordCheck* check) {
  std::set<std::string> fields;
  for (const RecordViolation& violation : check->violations) fields.insert(violation.field);
  for (RecordViolation& violation : violations) {
    if (fields.count(violation.field) == 0) AddViolation(std::move(violation), check);
  }
}

}  // namespace modelref

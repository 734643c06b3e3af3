#include "backends/convert/legacy_fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modelref {
namespace {

absl::string_view TypeName(const Json& value) {
  if (value.AsBool() != nullptr) return "a boolean";
  if (value.AsNumber() != nullptr) return "a number";
  if (value.AsString() != nullptr) return "a string";
  if (value.AsArray() != nullptr) return "a list";
  if (value.AsObject() != nullptr) return "an object";
  return "null";
}

std::string Expected(absl::string_view what, const Json& value) {
  return absl::StrCat(what, " is expected, not ", TypeName(value));
}

}  // namespace

const Json* LegacyFields::Find(absl::string_view name) const {
  const Json* value = object_.Find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void LegacyFields::AddProblem(absl::string_view name, absl::string_view what) {
  problems_->push_back({absl::StrCat(path_, name), std::string(what)});
}

std::optional<std::string> LegacyFields::OptionalString(absl::string_view name) {
  const Json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->AsString() == nullptr) {
    AddProblem(name, Expected("a string", *value));
    return std::nullopt;
  }
  return *value->AsString();
}

std::optional<bool> LegacyFields::ToBool(absl::string_view name, const Json& value) {
  std::optional<bool> result = LaxBool(value);
  if (!result.has_value()) AddProblem(name, Expected("true or false", value));
  return result;
}

std::optional<bool> LegacyFields::OptionalBool(absl::string_view name) {
  const Json* value = Find(name);
  return value == nullptr ? std::nullopt : ToBool(name, *value);
}

std::optional<std::string> LegacyFields::OptionalInt(absl::string_view name) {
  const Json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  std::optional<std::string> result = LaxInt(*value);
  if (!result.has_value()) AddProblem(name, Expected("an integer", *value));
  return result;
}

std::optional<std::vector<std::string>> LegacyFields::OptionalStrings(absl::string_view name) {
  const Json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const JsonArray* array = value->AsArray();
  if (array == nullptr) {
    AddProblem(name, Expected("a list of strings", *value));
    return std::nullopt;
  }
  std::vector<std::string> strings;
  for (size_t i = 0; i < array->size(); ++i) {
    const std::string* string = (*array)[i].AsString();
    if (string == nullptr) {
      AddProblem(absl::StrCat(name, "[", i, "]"), Expected("a string", (*array)[i]));
      continue;
    }
    strings.push_back(*string);
  }
  return strings;
}

std::optional<JsonObject> LegacyFields::OptionalStringMap(absl::string_view name) {
  const Json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const JsonObject* object = value->AsObject();
  if (object == nullptr) {
    AddProblem(name, Expected("a map of strings", *value));
    return std::nullopt;
  }
  for (const auto& [key, member] : object->members()) {
    if (member.AsString() == nullptr) {
      AddProblem(absl::StrCat(name, ".", key), Expected("a string", member));
    }
  }
  return *object;
}

std::optional<JsonObject> LegacyFields::OptionalScalarMap(absl::string_view name) {
  const Json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const JsonObject* object = value->AsObject();
  if (object == nullptr) {
    AddProblem(name, Expected("a map", *value));
    return std::nullopt;
  }
  JsonObject out;
  for (const auto& [key, member] : object->members()) {
    std::optional<Json> scalar = ScalarOrList(member);
    if (!scalar.has_value()) {
      AddProblem(absl::StrCat(name, ".", key),
                 "a finite number, a string, true, false or a list of one such type is expected");
      continue;
    }
    out.members().emplace_back(key, *std::move(scalar));
  }
  return out;
}

std::string LegacyFields::RequiredString(absl::string_view name) {
  if (Find(name) == nullptr) {
    AddProblem(name,
               object_.Find(name) == nullptr ? "is missing" : "a string is expected, not null");
    return "";
  }
  return OptionalString(name).value_or("");
}

bool LegacyFields::BoolOr(absl::string_view name, bool fallback) {
  const Json* value = object_.Find(name);
  return value == nullptr ? fallback : ToBool(name, *value).value_or(fallback);
}

void LegacyFields::CheckLiteral(absl::string_view name,
                                const std::vector<absl::string_view>& allowed) {
  const Json* value = object_.Find(name);
  if (value == nullptr) return;
  const std::string* string = value->AsString();
  if (string == nullptr || std::find(allowed.begin(), allowed.end(), *string) == allowed.end()) {
    AddProblem(name, absl::StrCat("must be ", absl::StrJoin(allowed, " or ")));
  }
}

}  // namespace modelref

#include "service/env_table.h"

#include <cmath>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "service/config_suggest.h"
#include "service/config_value.h"

namespace modelref {
namespace {

constexpr absl::string_view kSeedPrefix = "HORDE_MODEL_REFERENCE_";

std::optional<Json> SecondsToJson(absl::string_view text) {
  double seconds = 0;
  if (!absl::SimpleAtod(text, &seconds) || !std::isfinite(seconds) || seconds < 0) {
    return std::nullopt;
  }
  return Json(FormatConfigDuration(absl::Seconds(seconds)));
}

// Ids were given as numbers too, so numbers become their text.
std::optional<Json> ListToJson(absl::string_view text) {
  absl::StatusOr<Json> parsed = ParseJson(text);
  if (!parsed.ok() || parsed->AsArray() == nullptr) return std::nullopt;
  JsonArray strings;
  for (const Json& item : *parsed->AsArray()) {
    if (item.AsString() != nullptr) {
      strings.push_back(item);
    } else if (item.AsNumber() != nullptr) {
      strings.emplace_back(item.AsNumber()->lexeme);
    } else {
      return std::nullopt;
    }
  }
  return Json(std::move(strings));
}

std::optional<Json> ProxyToJson(absl::string_view text) {
  if (!absl::StartsWith(text, "{")) return Json(text);
  absl::StatusOr<Json> parsed = ParseJson(text);
  if (!parsed.ok() || parsed->AsObject() == nullptr) return std::nullopt;
  const JsonObject& object = *parsed->AsObject();
  if (object.size() != 1 || object.members()[0].second.AsString() == nullptr) return std::nullopt;
  return object.members()[0].second;
}

std::optional<Json> RegistryToJson(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "redis") return Json("redis");
  if (lower == "kubernetes" || lower == "k8s" || lower == "crd") return Json("kubernetes");
  return std::nullopt;
}

void ApplyRow(const EnvRow& row, const std::string& text, const ConfigOrigin& origin,
              ConfigBuilder* builder, std::vector<std::string>* warnings) {
  const auto apply = [&](const std::optional<Json>& value, absl::string_view expected) {
    if (value) return builder->ApplyJson(row.path, *value, origin);
    builder->AddViolation(row.path,
                          absl::StrCat("must be ", expected, " (", DescribeOrigin(origin), ")"));
  };
  switch (row.form) {
    case EnvForm::kText:
      return builder->ApplyText(row.path, text, origin);
    case EnvForm::kSeconds:
      return apply(SecondsToJson(text), "a number of seconds");
    case EnvForm::kJsonList:
      return apply(ListToJson(text), "a JSON array such as [\"1\",\"2\"]");
    case EnvForm::kProxy:
      return apply(ProxyToJson(text), "a URL, or a JSON object with one");
    case EnvForm::kCacheHome:
      return apply(Json(absl::StrCat(absl::StripSuffix(text, "/"), "/horde_model_reference")), "");
    case EnvForm::kRegistry:
      return apply(RegistryToJson(text), "one of redis, kubernetes, k8s, crd");
    case EnvForm::kAlwaysOn:
      if (ParseBool(text).value_or(false)) return;
      builder->AddViolation(
          row.path, absl::StrCat("cannot be switched off: ", row.note, " (", origin.name, ")"));
      return;
    case EnvForm::kMeaningless:
      warnings->push_back(absl::StrCat(origin.name, " has no meaning here: ", row.note));
      return;
  }
}

std::vector<std::string> SeedNames() {
  std::vector<std::string> names;
  for (const EnvRow& row : EnvTable()) {
    if (absl::StartsWith(row.name, kSeedPrefix)) names.emplace_back(row.name);
  }
  return names;
}

const EnvRow* FindRow(absl::string_view name) {
  for (const EnvRow& row : EnvTable()) {
    absl::string_view pattern = row.name;
    if (absl::ConsumeSuffix(&pattern, "*") ? absl::StartsWith(name, pattern) : name == pattern) {
      return &row;
    }
  }
  return nullptr;
}

}  // namespace

void ApplySeedEnvironment(const std::map<std::string, std::string>& environment,
                          ConfigBuilder* builder, std::vector<std::string>* warnings) {
  for (const auto& [name, text] : environment) {
    if (text.empty()) continue;
    const ConfigOrigin origin{ConfigLayer::kSeedEnvironment, name};
    if (const EnvRow* row = FindRow(name)) {
      ApplyRow(*row, text, origin, builder, warnings);
    } else if (absl::StartsWith(name, kSeedPrefix)) {
      warnings->push_back(absl::StrCat("unknown variable ", name, DidYouMean(name, SeedNames())));
    }
  }
}

}  // namespace modelref

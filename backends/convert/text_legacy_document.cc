#include "backends/convert/text_legacy_document.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backends/convert/legacy_fields.h"
#include "backends/convert/ordered_records.h"
#include "backends/convert/python_text.h"
#include "backends/convert/text_names.h"

namespace modelref {
namespace {

constexpr absl::string_view kDefaultStyle = "generalist";
constexpr absl::string_view kDefaultVersion = "1";
constexpr double kBillion = 1e9;

JsonArray TagsOf(const TextModelRow& row) {
  std::set<std::string> tags(row.tags.begin(), row.tags.end());
  if (!row.style.empty()) tags.insert(row.style);
  tags.insert(TextSizeTag(row.parameters_bn));
  return JsonArray(tags.begin(), tags.end());
}

void SetUnlessEmpty(absl::string_view name, const std::string& value, JsonObject* record) {
  if (!value.empty()) record->Set(name, value);
}

// The defaults in their order, overridden in place, then the rest.
JsonObject LegacyRecord(const TextModelRow& row, const std::string& key) {
  const std::string model(TextModelName(row.name));
  JsonObject record;
  record.Set("name", key);
  record.Set("model_name", model);
  record.Set("baseline", row.baseline);
  record.Set("parameters", row.parameters.lexeme == "0" ? Json() : Json(row.parameters));
  record.Set("description", row.description);
  record.Set("version", kDefaultVersion);
  record.Set("style", row.style.empty() ? std::string(kDefaultStyle) : row.style);
  record.Set("nsfw", false);
  record.Set("tags", TagsOf(row));
  if (row.settings.has_value() && !row.settings->empty()) {
    record.Set("settings", PythonNormalized(Json(*row.settings)));
  }
  SetUnlessEmpty("display_name",
                 row.display_name.empty() ? GeneratedDisplayName(model) : row.display_name,
                 &record);
  SetUnlessEmpty("url", row.url, &record);
  SetUnlessEmpty("instruct_format", row.instruct_format, &record);
  return record;
}

bool IsAddress(const TextModelRow& row) { return absl::StrContains(row.name, "://"); }

}  // namespace

JsonObject TextLegacyDocument(const std::vector<TextModelRow>& rows) {
  OrderedRecords records;
  for (const TextModelRow& row : rows) {
    if (IsAddress(row)) continue;
    for (const std::string& key : TextNameVariants(row.name)) {
      records.Set(key, LegacyRecord(row, key));
    }
  }
  return records.Take();
}

JsonObject TextLegacyBaseDocument(const std::vector<TextModelRow>& rows) {
  OrderedRecords records;
  for (const TextModelRow& row : rows) {
    if (!IsAddress(row)) records.Set(row.name, LegacyRecord(row, row.name));
  }
  return records.Take();
}

std::string TextSizeTag(double billions) {
  return absl::StrFormat("%.0fB", std::nearbyint(billions));
}

absl::string_view DefaultTextStyle() { return kDefaultStyle; }

absl::string_view DefaultTextVersion() { return kDefaultVersion; }

std::string FormatTextLegacyDocument(const JsonObject& document) {
  return FormatJson(Json(document), {.indent = 2});
}

TextModelRow TextRowOfLegacyRecord(absl::string_view name, const JsonObject& record) {
  std::vector<FieldViolation> ignored;
  LegacyFields fields(record, "", &ignored);
  const auto text = [&](absl::string_view field) {
    return fields.OptionalString(field).value_or("");
  };
  TextModelRow row;
  row.name = std::string(name);
  row.parameters.lexeme = fields.OptionalInt("parameters").value_or("0");
  double parameters = 0;
  if (absl::SimpleAtod(row.parameters.lexeme, &parameters)) {
    row.parameters_bn = parameters / kBillion;
  }
  const std::vector<std::string> tags =
      fields.OptionalStrings("tags").value_or(std::vector<std::string>());
  row.style = text("style");
  if (row.style == kDefaultStyle && std::find(tags.begin(), tags.end(), row.style) == tags.end()) {
    row.style.clear();
  }
  for (const std::string& tag : tags) {
    if (tag != TextSizeTag(row.parameters_bn) && tag != row.style) row.tags.push_back(tag);
  }
  row.display_name = text("display_name");
  if (row.display_name == GeneratedDisplayName(TextModelName(name))) row.display_name.clear();
  row.url = text("url");
  row.baseline = text("baseline");
  row.description = text("description");
  row.instruct_format = text("instruct_format");
  row.version = text("version");
  row.nsfw = fields.OptionalBool("nsfw").value_or(false);
  row.settings = fields.OptionalScalarMap("settings");
  return row;
}

}  // namespace modelref

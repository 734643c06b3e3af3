#include "backends/convert/legacy_to_v2.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "backends/convert/ordered_records.h"
#include "backends/convert/python_text.h"
#include "backends/convert/record_lines.h"

namespace modelref {
namespace {

constexpr absl::string_view kGenerated = "is generated for a backend and is left out";
constexpr size_t kMaxRecordDepth = JsonLimits().depth;

// Why a value cannot be part of a v2 document; empty when it can. Depth counts the document, too.
std::string Unrepresentable(const Json& value, size_t depth) {
  if (const JsonNumber* number = value.AsNumber(); number != nullptr) {
    if (!IsFiniteLexeme(number->lexeme)) return absl::StrCat("holds ", number->lexeme);
  }
  if (value.AsArray() == nullptr && value.AsObject() == nullptr) return "";
  if (depth >= kMaxRecordDepth) {
    return absl::StrCat("is nested more than ", kMaxRecordDepth, " levels deep");
  }
  std::string reason;
  if (const JsonArray* array = value.AsArray(); array != nullptr) {
    for (size_t i = 0; i < array->size() && reason.empty(); ++i) {
      reason = Unrepresentable((*array)[i], depth + 1);
    }
  } else {
    const auto& members = value.AsObject()->members();
    for (size_t i = 0; i < members.size() && reason.empty(); ++i) {
      reason = Unrepresentable(members[i].second, depth + 1);
    }
  }
  return reason;
}

absl::StatusOr<Json> CheckAndConvert(const Category& category, const std::string& model,
                                     const Json& legacy, std::vector<std::string>* remarks) {
  RETURN_IF_ERROR(ValidateModelName(model));
  if (const std::string reason = Unrepresentable(legacy, 1); !reason.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the record ", reason));
  }
  return ConvertLegacyRecord(category, model, legacy, remarks);
}

}  // namespace

JsonObject LegacyRecordOfRow(const TextModelRow& row) {
  JsonObject record;
  record.Set("name", row.name);
  record.Set("description", row.description);
  record.Set("version", row.version);
  record.Set("style", row.style);
  record.Set("nsfw", row.nsfw);
  record.Set("baseline", row.baseline);
  record.Set("url", row.url);
  record.Set("tags", JsonArray(row.tags.begin(), row.tags.end()));
  record.Set("instruct_format", row.instruct_format);
  record.Set("settings", row.settings.has_value() ? Json(*row.settings) : Json());
  record.Set("display_name", row.display_name);
  record.Set("parameters", row.parameters);
  return record;
}

absl::StatusOr<ConvertedDocument> ConvertLegacyRecords(const Category& category,
                                                       const JsonObject& legacy,
                                                       const RecordLines& lines) {
  if (!category.has_legacy()) {
    return absl::InvalidArgumentError(absl::StrCat(category.name, " has no legacy form"));
  }
  ConvertedDocument out;
  for (const auto& [model, record] : legacy.members()) {
    const auto line = lines.find(model);
    const size_t line_number = line == lines.end() ? 0 : line->second;
    std::vector<std::string> remarks;
    absl::StatusOr<Json> converted = CheckAndConvert(category, model, record, &remarks);
    if (!converted.ok()) {
      ++out.rejected;
      out.issues.push_back(
          {model, line_number, IssueSeverity::kError, std::string(converted.status().message())});
      continue;
    }
    if (converted->is_null()) remarks = {std::string(kGenerated)};
    for (std::string& remark : remarks) {
      out.issues.push_back({model, line_number, IssueSeverity::kWarning, std::move(remark)});
    }
    if (!converted->is_null()) out.records.members().emplace_back(model, *std::move(converted));
  }
  return out;
}

ConvertedDocument ConvertModelsCsv(const ModelsCsv& csv) {
  const Category& category = *FindBuiltInCategory("text_generation");
  ConvertedDocument out;
  out.issues = csv.issues;
  out.rejected = csv.rejected;
  OrderedRecords records;
  for (const TextModelRow& row : csv.rows) {
    const auto report = [&](IssueSeverity severity, absl::string_view reason) {
      out.issues.push_back({row.name, row.line, severity, std::string(reason)});
    };
    std::vector<std::string> remarks;  // About fields that no row has.
    absl::StatusOr<Json> converted =
        CheckAndConvert(category, row.name, Json(LegacyRecordOfRow(row)), &remarks);
    if (!converted.ok()) {
      ++out.rejected;
      report(IssueSeverity::kError, converted.status().message());
    } else if (converted->is_null()) {
      report(IssueSeverity::kWarning, kGenerated);
    } else if (!records.Set(row.name, *std::move(converted))) {
      report(IssueSeverity::kWarning, "the name is repeated, this row replaces an earlier one");
    }
  }
  out.records = records.Take();
  return out;
}

absl::StatusOr<ConvertedDocument> ConvertLegacyFile(const Category& category,
                                                    absl::string_view file_name,
                                                    absl::string_view text) {
  if (PythonStrip(text).empty()) return absl::InvalidArgumentError("line 1: the file is empty");
  if (absl::EndsWith(file_name, ".csv")) {
    ASSIGN_OR_RETURN(const ModelsCsv csv, ParseModelsCsv(text));
    return ConvertModelsCsv(csv);
  }
  // Lenient here, so that one bad record hides only itself.
  ASSIGN_OR_RETURN(const Json json,
                   ParseJson(text, {.depth = kMaxJsonDepth, .allow_nan_and_infinity = true}));
  if (json.AsObject() == nullptr) {
    return absl::InvalidArgumentError("line 1: a JSON object of records by model is expected");
  }
  return ConvertLegacyRecords(category, *json.AsObject(), FindRecordLines(text));
}

std::string FormatConvertedDocument(const JsonObject& records) {
  return absl::StrCat(FormatJson(Json(records), {.indent = 4, .ascii = true}), "\n");
}

}  // namespace modelref

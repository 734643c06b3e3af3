#include "backends/convert/record_write.h"

#include "backends/convert/known_values.h"
#include "backends/convert/legacy_to_v2.h"
#include "backends/convert/python_text.h"
#include "backends/convert/record_fields.h"
#include "backends/convert/stored_v2.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_names.h"
#include "backends/convert/text_record.h"

namespace modelref {
namespace {

constexpr absl::string_view kImageCategory = "image_generation";

// Text models are converted from what the table says of them.
JsonObject ConvertibleRecord(const Category& category, absl::string_view name,
                             const JsonObject& legacy) {
  if (category.name != kTextCategory) return legacy;
  TextModelRow row = TextRowOfLegacyRecord(name, legacy);
  if (row.version == DefaultTextVersion()) row.version.clear();
  return LegacyRecordOfRow(row);
}

void StripText(Json* value) {
  if (value == nullptr || value->AsString() == nullptr) return;
  *value = Json(PythonStrip(std::string(*value->AsString())));
}

// As the original's models of images normalise what they are made of (H 1.4, 1.7).
void NormalizeImage(Format format, JsonObject* record) {
  if (format == Format::kLegacy) {
    Json* baseline = record->Find("baseline");
    if (baseline != nullptr && baseline->AsString() != nullptr) {
      *baseline = Json(LegacyImageBaseline(*baseline->AsString()));
    }
    return;
  }
  StripText(record->Find("style"));
  Json* tags = record->Find("tags");
  if (tags == nullptr || tags->AsArray() == nullptr) return;
  for (Json& tag : *tags->AsArray()) StripText(&tag);
}

}  // namespace

RecordCheck PrepareRecord(const Category& category, Format format, absl::string_view name,
                          JsonObject* record) {
  if (format == Format::kLegacy) DropLegacyNulls(category, record);
  if (const Json* own_name = record->Find("name"); own_name == nullptr) {
    record->members().emplace(record->members().begin(), "name", Json(name));
  }
  if (category.name == kImageCategory) NormalizeImage(format, record);
  RecordCheck processed;
  if (category.name == kTextCategory) processed = ProcessTextRecord(format, name, record);
  RecordCheck check = format == Format::kLegacy ? CheckLegacyRecord(category, name, *record)
                                                : CheckV2Record(category, name, *record);
  AddNewViolations(std::move(check.violations), &processed);
  processed.unlisted += check.unlisted;
  processed.warnings = std::move(check.warnings);
  return processed;
}

absl::StatusOr<Json> DeriveV2Record(const Category& category, absl::string_view name,
                                    const Json& legacy, const JsonObject* stored_v2,
                                    std::vector<std::string>* remarks,
                                    const JsonObject* stored_legacy) {
  RecordCheck check;
  if (legacy.AsObject() == nullptr) {
    AddViolation({"", "the record is not a JSON object"}, &check);
    return ViolationError(check, name, "");
  }
  ConvertedRecord converted =
      ConvertLegacyFields(category, name, ConvertibleRecord(category, name, *legacy.AsObject()));
  for (const FieldViolation& problem : converted.problems) {
    AddViolation({Presentable(problem.field), Presentable(problem.description)}, &check);
  }
  if (check.ok() && converted.record.is_null()) {
    AddViolation({"name", "is generated for a backend", "BACKEND_PREFIXED_NAME"}, &check);
  }
  if (!check.ok()) return ViolationError(check, name, "");
  if (remarks != nullptr) {
    for (const std::string& remark : converted.remarks) remarks->push_back(Presentable(remark));
  }
  const JsonObject nothing;
  const JsonObject& stored = stored_v2 == nullptr ? nothing : *stored_v2;
  return Json(MergeStoredV2(category, name, {*legacy.AsObject(), stored_legacy}, stored,
                            std::move(*converted.record.AsObject())));
}

}  // namespace modelref

#include "backends/convert/record_check.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/convert/known_values.h"
#include "backends/convert/python_text.h"
#include "backends/convert/record_fields.h"

namespace modelref {
namespace {

using enum FieldKind;
using enum Presence;

// Of the record itself; the document is another level.
constexpr size_t kMaxDepth = JsonLimits().depth;

constexpr FieldRule kCommon[] = {
    {"record_type", kString, kNotNull}, {"name", kString, kRequired},
    {"description", kString},           {"version", kString},
    {"finetune_series", kObject},       {"metadata", kObject, kNotNull},
    {"config", kObject, kNotNull},      {"model_classification", kObject, kNotNull},
    {"size_on_disk_bytes", kCount},
};

constexpr FieldRule kImage[] = {
    {"inpainting", kBool},        {"baseline", kString, kRequired},
    {"optimization", kString},    {"tags", kStrings},
    {"showcases", kStrings},      {"min_bridge_version", kInteger},
    {"trigger", kStrings},        {"homepage", kString},
    {"nsfw", kBool, kRequired},   {"style", kString},
    {"requirements", kScalarMap},
};
constexpr FieldRule kControlnet[] = {{"controlnet_style", kString}};
constexpr FieldRule kAnnotator[] = {
    {"control_types", kStrings, kNotNull},
    {"preprocessors", kStrings, kNotNull},
};
constexpr FieldRule kText[] = {
    {"baseline", kString},     {"parameters", kCount, kRequired},
    {"nsfw", kBool, kNotNull}, {"style", kString},
    {"display_name", kString}, {"url", kString},
    {"tags", kStrings},        {"instruct_format", kString},
    {"settings", kScalarMap},  {"text_model_group", kString},
};
constexpr FieldRule kClip[] = {{"pretrained_name", kString}};
constexpr FieldRule kMedia[] = {
    {"baseline", kString},
    {"nsfw", kBool, kNotNull},
    {"tags", kStrings},
};
constexpr FieldRule kAddOn[] = {
    {"baseline", kString}, {"nsfw", kBool, kNotNull}, {"tags", kStrings},
    {"trigger", kStrings}, {"homepage", kString},     {"showcases", kStrings},
};

constexpr FieldRule kFinetuneSeries[] = {
    {"name", kString, kRequired}, {"version", kString},  {"author", kString},
    {"description", kString},     {"homepage", kString},
};
constexpr FieldRule kMetadata[] = {
    {"schema_version", kString, kNotNull},
    {"created_at", kInteger},
    {"updated_at", kInteger},
    {"created_by", kString},
    {"updated_by", kString},
};
constexpr FieldRule kConfig[] = {
    // Its entries are looked at by themselves.
    {"download", kList, kNotNull},
    {"embedded_component_hashes", kStringMap},
};
constexpr FieldRule kClassification[] = {
    {"domain", kString, kRequired},
    {"purpose", kString, kRequired},
};
constexpr FieldRule kDownload[] = {
    {"file_name", kString, kRequired},
    {"file_url", kString, kRequired},
    {"sha256sum", kString, kNotNull},
    {"content_hash", kString},
    {"file_purpose", kString},
    {"known_slow_download", kBool},
    {"size_bytes", kCount},
};

absl::Span<const FieldRule> RulesOf(absl::string_view category) {
  if (category == "image_generation") return kImage;
  if (category == "controlnet") return kControlnet;
  if (category == "controlnet_annotator") return kAnnotator;
  if (category == "text_generation") return kText;
  if (category == "clip") return kClip;
  if (category == "video_generation" || category == "audio_generation") return kMedia;
  if (category == "lora" || category == "ti") return kAddOn;
  return {};
}

void CheckObject(const FieldChecker& record, absl::string_view name,
                 absl::Span<const FieldRule> rules, RecordCheck* check) {
  if (const JsonObject* object = record.Object(name); object != nullptr) {
    FieldChecker(*object, absl::StrCat(name, "."), check).Check(rules);
  }
}

void CheckDownloads(const JsonArray& downloads, RecordCheck* check) {
  std::set<std::string> names;
  CheckObjects(downloads, "config.download", check, [&names](FieldChecker& entry) {
    entry.Check(kDownload);
    entry.CheckFileName("file_name");
    entry.CheckSha256("sha256sum", /*must_be_known=*/true);
    const std::string* url = entry.String("file_url");
    if (url != nullptr && url->empty()) entry.Warn("file_url", "is empty");
    const std::string* name = entry.String("file_name");
    if (name != nullptr && !names.insert(*name).second) {
      entry.Warn("file_name", absl::StrCat(Quoted(*name), " is listed twice"));
    }
  });
}

void CheckRecordType(const Category& category, FieldChecker* record) {
  const std::string* type = record->String("record_type");
  if (type == nullptr || *type == category.name) return;
  if (FindBuiltInCategory(category.name) == nullptr) return;
  record->Violate("record_type", absl::StrCat("must be \"", category.name, "\""));
}

void CheckClassification(const Category& category, const FieldChecker& record, RecordCheck* check) {
  CheckObject(record, "model_classification", kClassification, check);
  const JsonObject* object = record.Object("model_classification");
  if (object == nullptr) return;
  FieldChecker fields(*object, "model_classification.", check);
  const auto compare = [&fields](absl::string_view name, absl::string_view expected) {
    const std::string* value = fields.String(name);
    if (value == nullptr || expected.empty() || *value == expected) return;
    fields.Warn(name, absl::StrCat("is not \"", expected, "\", as of the category"));
  };
  compare("domain", category.domain);
  compare("purpose", category.purpose);
}

void CheckKnownValues(const Category& category, FieldChecker* record) {
  if (category.name == "image_generation") {
    const std::string* baseline = record->String("baseline");
    if (baseline != nullptr && !IsKnownImageBaseline(*baseline)) {
      record->Violate("baseline", absl::StrCat("unknown: ", Quoted(*baseline)));
    }
    const std::string* style = record->String("style");
    if (style != nullptr && !IsKnownModelStyle(PythonStrip(*style))) {
      record->Violate("style", absl::StrCat("unknown: ", Quoted(*style)));
    }
  } else if (category.name == "controlnet") {
    const std::string* style = record->String("controlnet_style");
    if (style != nullptr && !IsKnownControlnetStyle(*style)) {
      record->Warn("controlnet_style", absl::StrCat("unknown: ", Quoted(*style)));
    }
  }
}

}  // namespace

RecordCheck CheckV2Record(const Category& category, absl::string_view name,
                          const JsonObject& record) {
  RecordCheck check;
  CheckWholeRecord(category, name, record, kMaxDepth, &check);
  FieldChecker fields(record, "", &check);
  fields.Check(kCommon);
  fields.Check(RulesOf(category.name));
  CheckRecordType(category, &fields);
  CheckKnownValues(category, &fields);
  CheckClassification(category, fields, &check);
  CheckObject(fields, "finetune_series", kFinetuneSeries, &check);
  CheckObject(fields, "metadata", kMetadata, &check);
  CheckObject(fields, "config", kConfig, &check);
  if (const JsonObject* config = fields.Object("config"); config != nullptr) {
    const Json* downloads = config->Find("download");
    if (downloads != nullptr && downloads->AsArray() != nullptr) {
      CheckDownloads(*downloads->AsArray(), &check);
    }
  }
  return check;
}

absl::Status ViolationError(const RecordCheck& check, absl::string_view name,
                            absl::string_view path) {
  if (check.ok()) return absl::OkStatus();
  ErrorExtras extras;
  for (const RecordViolation& violation : check.violations) {
    const absl::string_view dot = path.empty() || violation.field.empty() ? "" : ".";
    extras.field_violations.push_back(
        {absl::StrCat(path, dot, violation.field), violation.description});
  }
  const RecordViolation& first = check.violations.front();
  const size_t others = check.violations.size() - 1 + check.unlisted;
  std::string message = absl::StrCat("model ", Quoted(name), ": ", first.field,
                                     first.field.empty() ? "" : ": ", first.description);
  if (others > 0) absl::StrAppend(&message, ", and ", others, " more");
  return Error(absl::StatusCode::kInvalidArgument, first.reason, message, std::move(extras));
}

}  // namespace modelref

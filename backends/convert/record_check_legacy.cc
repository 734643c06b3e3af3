// The rules of the legacy form.

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/convert/known_values.h"
#include "backends/convert/legacy_to_v2.h"
#include "backends/convert/record_check.h"
#include "backends/convert/record_fields.h"

namespace modelref {
namespace {

using enum FieldKind;
using enum Presence;

// The converter counts the document, too.
constexpr size_t kMaxDepth = JsonLimits().depth - 1;

constexpr FieldRule kCommon[] = {
    {"name", kString, kRequired}, {"type", kString},
    {"description", kString},     {"version", kString},
    {"style", kString},           {"nsfw", kBool},
    {"download_all", kBool},      {"config", kObject},
    {"available", kBool},         {"features_not_supported", kStrings},
};
constexpr FieldRule kImage[] = {
    {"type", kString, kNotNull}, {"inpainting", kBool, kNotNull}, {"baseline", kString, kRequired},
    {"tags", kStrings},          {"showcases", kStrings},         {"min_bridge_version", kInteger},
    {"trigger", kStrings},       {"homepage", kString},           {"size_on_disk_bytes", kCount},
    {"optimization", kString},   {"requirements", kScalarMap},
};
constexpr FieldRule kControlnet[] = {{"type", kString, kRequired}};
constexpr FieldRule kClip[] = {
    {"type", kString, kNotNull},
    {"pretrained_name", kString},
};
constexpr FieldRule kText[] = {
    {"model_name", kString},      {"baseline", kString},    {"parameters", kCount},
    {"display_name", kString},    {"url", kString},         {"tags", kStrings},
    {"instruct_format", kString}, {"settings", kScalarMap},
};
constexpr FieldRule kFile[] = {
    {"path", kString, kRequired}, {"md5sum", kString},       {"sha256sum", kString},
    {"file_type", kString},       {"content_hash", kString},
};
constexpr FieldRule kDownload[] = {
    {"file_name", kString},
    {"file_path", kString},
    {"file_url", kString},
};
constexpr FieldRule kConfig[] = {
    // Their entries are looked at by themselves.
    {"files", kList},
    {"download", kList},
    {"embedded_component_hashes", kStringMap},
};

absl::Span<const FieldRule> RulesOf(absl::string_view category) {
  if (category == "image_generation") return kImage;
  if (category == "controlnet") return kControlnet;
  if (category == "clip") return kClip;
  if (category == "text_generation") return kText;
  return {};
}

// The literal of the original; empty: any. Image models' and clips' are the converter's.
absl::string_view TypeOf(absl::string_view category) {
  if (category == "blip" || category == "gfpgan" || category == "safety_checker") return category;
  if (category == "codeformer") return "CodeFormers";
  if (category == "esrgan") return "realesrgan";
  if (category == "miscellaneous") return "layer_diffuse";
  return "";
}

void CheckType(const Category& category, FieldChecker* record) {
  const std::string* type = record->String("type");
  if (type == nullptr) return;
  const absl::string_view usual = TypeOf(category.name);
  if (category.name == "controlnet" ? IsKnownControlnetStyle(*type)
                                    : usual.empty() || *type == usual) {
    return;
  }
  record->Warn("type", absl::StrCat("unusual: ", Quoted(*type)));
}

bool IsConfiguration(absl::string_view path) {
  return absl::StrContains(path, ".yaml") || absl::StrContains(path, ".json");
}

void CheckFiles(const JsonArray& files, const std::set<std::string>& downloaded,
                RecordCheck* check) {
  CheckObjects(files, "config.files", check, [&downloaded](FieldChecker& file) {
    file.Check(kFile);
    file.CheckFileName("path");
    const std::string* path = file.String("path");
    const bool is_configuration = path != nullptr && IsConfiguration(*path);
    file.CheckSha256("sha256sum", /*must_be_known=*/!is_configuration);
    if (path != nullptr && !is_configuration && downloaded.count(*path) == 0) {
      file.Warn("path", "nothing says where to download it");
    }
  });
}

void CheckConfig(const JsonObject& config, RecordCheck* check) {
  FieldChecker fields(config, "config.", check);
  fields.Check(kConfig);
  std::set<std::string> downloaded;
  if (const JsonArray* downloads = fields.Array("download"); downloads != nullptr) {
    CheckObjects(*downloads, "config.download", check, [&downloaded](FieldChecker& entry) {
      entry.Check(kDownload);
      entry.CheckFileName("file_name");
      const std::string* name = entry.String("file_name");
      if (name != nullptr) downloaded.insert(*name);
      const std::string* folder = entry.String("file_path");
      if (folder != nullptr && !folder->empty()) entry.CheckFileName("file_path");
      const std::string* url = entry.String("file_url");
      if (url == nullptr || url->empty()) entry.Warn("file_url", "is empty");
    });
  }
  if (const JsonArray* files = fields.Array("files"); files != nullptr) {
    CheckFiles(*files, downloaded, check);
  }
}

// What only the converter knows, and whatever a rule above forgot.
void CheckConversion(const Category& category, absl::string_view name, const JsonObject& record,
                     RecordCheck* check) {
  ConvertedRecord converted = ConvertLegacyFields(category, name, record);
  std::vector<RecordViolation> problems;
  for (FieldViolation& problem : converted.problems) {
    problems.push_back({Presentable(problem.field), Presentable(problem.description)});
  }
  AddNewViolations(std::move(problems), check);
  if (!check->ok() || converted.record.is_null()) return;
  RecordCheck v2 = CheckV2Record(category, name, *converted.record.AsObject());
  for (RecordViolation& violation : v2.violations) {
    violation.description = absl::StrCat("as v2: ", violation.description);
    AddViolation(std::move(violation), check);
  }
}

// The category's rules stand over the common ones.
std::vector<FieldRule> AllRulesOf(const Category& category) {
  const absl::Span<const FieldRule> own = RulesOf(category.name);
  std::vector<FieldRule> rules(own.begin(), own.end());
  for (const FieldRule& rule : kCommon) {
    const bool replaced = std::any_of(own.begin(), own.end(), [&rule](const FieldRule& other) {
      return other.name == rule.name;
    });
    if (!replaced) rules.push_back(rule);
  }
  return rules;
}

void DropNulls(absl::Span<const FieldRule> rules, JsonObject* object) {
  std::erase_if(object->members(), [rules](const JsonObject::Member& member) {
    return member.second.is_null() &&
           std::any_of(rules.begin(), rules.end(),
                       [&member](const FieldRule& rule) { return rule.name == member.first; });
  });
}

void DropNullsOfEntries(absl::Span<const FieldRule> rules, Json* list) {
  if (list == nullptr || list->AsArray() == nullptr) return;
  for (Json& entry : *list->AsArray()) {
    if (entry.AsObject() != nullptr) DropNulls(rules, entry.AsObject());
  }
}

}  // namespace

void DropLegacyNulls(const Category& category, JsonObject* record) {
  DropNulls(AllRulesOf(category), record);
  Json* config = record->Find("config");
  if (config == nullptr || config->AsObject() == nullptr) return;
  DropNulls(kConfig, config->AsObject());
  DropNullsOfEntries(kFile, config->AsObject()->Find("files"));
  DropNullsOfEntries(kDownload, config->AsObject()->Find("download"));
}

RecordCheck CheckLegacyRecord(const Category& category, absl::string_view name,
                              const JsonObject& record) {
  RecordCheck check;
  CheckWholeRecord(category, name, record, kMaxDepth, &check);
  FieldChecker fields(record, "", &check);
  fields.Check(AllRulesOf(category));
  CheckType(category, &fields);
  if (const JsonObject* config = fields.Object("config"); config != nullptr) {
    CheckConfig(*config, &check);
  }
  CheckConversion(category, name, record, &check);
  return check;
}

}  // namespace modelref

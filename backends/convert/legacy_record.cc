// The conversion of one record, by category.

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/convert/known_values.h"
#include "backends/convert/legacy_config.h"
#include "backends/convert/legacy_fields.h"
#include "backends/convert/legacy_to_v2.h"
#include "backends/convert/python_text.h"
#include "backends/convert/text_names.h"
#include "backends/convert/v2_record.h"

namespace modelref {
namespace {

using Strings = std::vector<std::string>;

// What every legacy record has.
struct CommonFields {
  std::string name;
  std::optional<std::string> type, description, version, style;
  std::optional<bool> nsfw;
  ConvertedConfig config;
};

CommonFields ReadCommon(const Category& category, const JsonObject& record, absl::string_view model,
                        LegacyFields* fields, std::vector<FieldViolation>* problems,
                        Strings* remarks) {
  CommonFields out;
  out.name = fields->RequiredString("name");
  out.type = fields->OptionalString("type");
  out.description = fields->OptionalString("description");
  out.version = fields->OptionalString("version");
  out.style = fields->OptionalString("style");
  out.nsfw = fields->OptionalBool("nsfw");
  // Dropped by the conversion, but they must be of their types.
  (void)fields->OptionalBool("download_all");
  (void)fields->OptionalStrings("features_not_supported");
  if (fields->OptionalBool("available").value_or(false)) remarks->push_back("is flagged available");
  out.config = ConvertLegacyConfig(record, problems, remarks);
  // Text models are never downloaded by this catalogue.
  if (!out.config.has_addresses && category.domain != "text") {
    remarks->push_back("config lists no download");
  }
  if (out.name != model) remarks->push_back(absl::StrCat("its name is \"", out.name, "\""));
  if (!out.description.has_value()) remarks->push_back("has no description");
  if (out.style == "") remarks->push_back("has an empty style");
  return out;
}

Strings Stripped(Strings values) {
  for (std::string& value : values) value = std::string(PythonStrip(value));
  return values;
}

// The members that all categories but image_generation begin with.
V2Record BeginRecord(const Category& category, CommonFields* common) {
  V2Record out;
  out.AddString("record_type", std::string(category.name));
  out.AddString("name", common->name);
  out.AddString("description", common->description);
  out.AddString("version", common->version);
  out.AddMetadata();
  out.AddConfig(std::move(common->config), /*omit_defaults=*/false);
  out.AddClassification(category);
  return out;
}

struct ImageFields {
  bool inpainting = false;
  std::string baseline;
  std::optional<std::string> optimization, min_bridge_version, homepage, style, size_on_disk_bytes;
  Strings tags, showcases, trigger;
  std::optional<JsonObject> requirements;
};

ImageFields ReadImage(const CommonFields& common, LegacyFields* fields) {
  ImageFields out;
  fields->CheckLiteral("type", {"ckpt"});
  out.inpainting = fields->BoolOr("inpainting", false);
  out.baseline = std::string(NormalizedImageBaseline(fields->RequiredString("baseline")));
  out.optimization = fields->OptionalString("optimization");
  out.tags = Stripped(fields->OptionalStrings("tags").value_or(Strings()));
  out.showcases = fields->OptionalStrings("showcases").value_or(Strings());
  out.min_bridge_version = fields->OptionalInt("min_bridge_version");
  out.trigger = fields->OptionalStrings("trigger").value_or(Strings());
  out.homepage = fields->OptionalString("homepage");
  out.requirements = fields->OptionalScalarMap("requirements");
  out.size_on_disk_bytes = fields->OptionalInt("size_on_disk_bytes");
  if (common.style.has_value()) out.style = std::string(PythonStrip(*common.style));
  return out;
}

void CheckImage(const ImageFields& image, LegacyFields* fields, Strings* remarks) {
  if (fields->Find("baseline") != nullptr && !IsKnownImageBaseline(image.baseline)) {
    fields->AddProblem("baseline", absl::StrCat("unknown: \"", image.baseline, "\""));
  }
  if (image.style.has_value() && !IsKnownModelStyle(*image.style)) {
    fields->AddProblem("style", absl::StrCat("unknown: \"", *image.style, "\""));
  }
  for (const std::string& showcase : image.showcases) {
    if (absl::StrContains(showcase, "huggingface")) {
      fields->AddProblem("showcases", "must not be on huggingface");
      break;
    }
  }
  if (image.showcases.empty()) remarks->push_back("has no showcases");
}

Json ConvertImage(CommonFields common, LegacyFields* fields, Strings* remarks) {
  ImageFields image = ReadImage(common, fields);
  CheckImage(image, fields, remarks);
  V2Record out;
  out.AddString("name", common.name);
  out.AddString("description", common.description);
  out.AddString("version", common.version);
  out.AddConfig(std::move(common.config), /*omit_defaults=*/true);
  out.AddNumber("size_on_disk_bytes", image.size_on_disk_bytes);
  if (image.inpainting) out.AddBool("inpainting", true);
  out.AddString("baseline", image.baseline);
  out.AddString("optimization", image.optimization);
  out.AddStrings("tags", image.tags);
  out.AddStrings("showcases", image.showcases);
  out.AddNumber("min_bridge_version", image.min_bridge_version);
  out.AddStrings("trigger", image.trigger);
  out.AddString("homepage", image.homepage);
  out.AddBool("nsfw", common.nsfw.value_or(false));
  out.AddString("style", image.style);
  out.AddObject("requirements", std::move(image.requirements));
  return out.Take();
}

Json ConvertText(const Category& category, absl::string_view model, CommonFields common,
                 LegacyFields* fields, Strings* remarks) {
  (void)fields->OptionalString("model_name");
  const std::optional<std::string> parameters = fields->OptionalInt("parameters");
  const std::optional<std::string> baseline = fields->OptionalString("baseline");
  const std::optional<std::string> display_name = fields->OptionalString("display_name");
  const std::optional<std::string> url = fields->OptionalString("url");
  const Strings tags = fields->OptionalStrings("tags").value_or(Strings());
  std::optional<std::string> instruct_format = fields->OptionalString("instruct_format");
  std::optional<JsonObject> settings = fields->OptionalScalarMap("settings");
  if (!parameters.has_value()) remarks->push_back("has no number of parameters");
  if (instruct_format == "") instruct_format = std::nullopt;
  if (HasTextBackendPrefix(common.name)) return Json();
  V2Record out = BeginRecord(category, &common);
  out.AddString("baseline", baseline);
  out.AddNumber("parameters", parameters.value_or("0"));
  out.AddBool("nsfw", common.nsfw.value_or(false));
  out.AddString("style", common.style);
  out.AddString("display_name", display_name);
  out.AddString("url", url);
  out.AddStrings("tags", Stripped(tags));
  out.AddString("instruct_format", instruct_format);
  out.AddObject("settings", std::move(settings));
  out.AddString("text_model_group", ParseTextName(model).base);
  return out.Take();
}

Json ConvertControlnet(const Category& category, CommonFields common, Strings* remarks) {
  const bool has_type = !common.type.value_or("").empty();
  const std::optional<std::string> style = has_type ? common.type : common.style;
  if (style.has_value() && !IsKnownControlnetStyle(*style)) {
    remarks->push_back(absl::StrCat("has an unknown controlnet style: \"", *style, "\""));
  }
  V2Record out = BeginRecord(category, &common);
  out.AddString("controlnet_style", style);
  return out.Take();
}

Json ConvertClip(const Category& category, CommonFields common, LegacyFields* fields) {
  fields->CheckLiteral("type", {"clip", "coca"});
  const std::optional<std::string> pretrained_name = fields->OptionalString("pretrained_name");
  V2Record out = BeginRecord(category, &common);
  out.AddString("pretrained_name", pretrained_name);
  return out.Take();
}

Json Convert(const Category& category, absl::string_view model, const JsonObject& record,
             std::vector<FieldViolation>* problems, Strings* remarks) {
  LegacyFields fields(record, "", problems);
  CommonFields common = ReadCommon(category, record, model, &fields, problems, remarks);
  if (category.name == "image_generation") {
    return ConvertImage(std::move(common), &fields, remarks);
  }
  if (category.name == "text_generation") {
    return ConvertText(category, model, std::move(common), &fields, remarks);
  }
  if (category.name == "controlnet") {
    return ConvertControlnet(category, std::move(common), remarks);
  }
  if (category.name == "clip") return ConvertClip(category, std::move(common), &fields);
  return BeginRecord(category, &common).Take();
}

}  // namespace

ConvertedRecord ConvertLegacyFields(const Category& category, absl::string_view model,
                                    const JsonObject& legacy) {
  ConvertedRecord out;
  Json record = Convert(category, model, legacy, &out.problems, &out.remarks);
  if (out.problems.empty()) out.record = std::move(record);
  return out;
}

absl::StatusOr<Json> ConvertLegacyRecord(const Category& category, absl::string_view model,
                                         const Json& legacy, Strings* remarks) {
  const JsonObject* record = legacy.AsObject();
  if (record == nullptr) return absl::InvalidArgumentError("the record is not a JSON object");
  ConvertedRecord converted = ConvertLegacyFields(category, model, *record);
  std::move(converted.remarks.begin(), converted.remarks.end(), std::back_inserter(*remarks));
  if (converted.problems.empty()) return std::move(converted.record);
  return absl::InvalidArgumentError(
      absl::StrJoin(converted.problems, "; ", [](std::string* out, const FieldViolation& problem) {
        absl::StrAppend(out, problem.field, ": ", problem.description);
      }));
}

}  // namespace modelref

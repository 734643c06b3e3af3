#include "backends/convert/text_record.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "backends/base/categories.h"
#include "backends/convert/known_values.h"
#include "backends/convert/legacy_fields.h"
#include "backends/convert/python_text.h"
#include "backends/convert/record_fields.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_names.h"
#include "backends/convert/text_table_check.h"

namespace modelref {
namespace {

constexpr double kBillion = 1e9;
constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr size_t kMaxDepth = JsonLimits().depth;
constexpr char kParameters[] = "parameters";
constexpr char kParametersAlias[] = "parameters_count";

// Dropped when they say nothing.
constexpr absl::string_view kOptionalFields[] = {
    "display_name", "url", "instruct_format", "settings", "text_model_group", "model_name",
};
constexpr absl::string_view kOptionalLegacyFields[] = {
    "type", "config", "download_all", "available", "features_not_supported",
};

bool Contains(absl::Span<const absl::string_view> values, absl::string_view value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool IsEmpty(const Json& value) {
  if (const std::string* text = value.AsString(); text != nullptr) return text->empty();
  if (const JsonArray* array = value.AsArray(); array != nullptr) return array->empty();
  if (const JsonObject* object = value.AsObject(); object != nullptr) return object->empty();
  return value.is_null();
}

bool IsSizeTag(absl::string_view tag) {
  return tag.size() > 1 && tag.back() == 'B' &&
         std::all_of(tag.begin(), tag.end() - 1, [](char c) { return absl::ascii_isdigit(c); });
}

// The integer in decimal; nothing when it is no number, not positive or 2^63 or more.
std::optional<std::string> Parameters(const Json& value) {
  if (value.AsBool() != nullptr) return std::nullopt;
  std::optional<std::string> integer = LaxInt(value);
  if (!integer.has_value()) {
    std::optional<double> real;
    if (value.AsNumber() != nullptr) real = PythonFloat(value.AsNumber()->lexeme);
    if (value.AsString() != nullptr) real = PythonFloat(*value.AsString());
    if (!real.has_value() || !(*real >= 1 && *real < kTwoTo63)) return std::nullopt;
    integer = absl::StrFormat("%.0f", std::trunc(*real));
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(*integer, &number) || number <= 0) return std::nullopt;
  return absl::StrCat(number);
}

// Works on one record; its violations are complete when Run returns.
class TextRecordProcessor {
 public:
  TextRecordProcessor(Format format, absl::string_view name, JsonObject* record)
      : format_(format), name_(name), record_(*record) {}

  RecordCheck Run() {
    CheckWholeRecord(*FindBuiltInCategory("text_generation"), name_, record_, kMaxDepth, &check_);
    if (const Json* own = record_.Find("name"); own == nullptr || own->is_null()) {
      record_.Erase("name");
      record_.members().emplace(record_.members().begin(), "name", Json(name_));
    }
    ProcessAlias();
    ProcessParameters();
    ProcessSettings();
    ProcessStyle();
    ProcessTags();
    AddDefaults();
    DropEmpty();
    if (format_ == Format::kLegacy) FinishLegacy();
    return std::move(check_);
  }

 private:
  void Violate(absl::string_view field, absl::string_view what) {
    AddViolation({std::string(field), std::string(what)}, &check_);
  }

  bool Says(absl::string_view field) const {
    const Json* value = record_.Find(field);
    return value != nullptr && !value->is_null();
  }

  std::string Text(absl::string_view field) const {
    const Json* value = record_.Find(field);
    return value == nullptr || value->AsString() == nullptr ? "" : *value->AsString();
  }

  void ProcessAlias() {
    if (record_.Find(kParametersAlias) == nullptr) return;
    if (Says(kParametersAlias) && Says(kParameters)) {
      const std::optional<std::string> alias = Parameters(*record_.Find(kParametersAlias));
      if (!alias.has_value() || alias != Parameters(*record_.Find(kParameters))) {
        return Violate(kParametersAlias, "says something else than parameters");
      }
    } else if (Says(kParametersAlias)) {
      record_.Erase(kParameters);
      for (auto& [member, value] : record_.members()) {
        if (member == kParametersAlias) member = kParameters;
      }
    }
    record_.Erase(kParametersAlias);
  }

  void ProcessParameters() {
    if (!Says(kParameters)) return Violate(kParameters, "is missing");
    std::optional<std::string> number = Parameters(*record_.Find(kParameters));
    if (!number.has_value()) {
      return Violate(kParameters, "a positive number below 2^63 is expected");
    }
    (void)absl::SimpleAtod(*number, &billions_);
    billions_ /= kBillion;
    record_.Set(kParameters, JsonNumber{*std::move(number)});
  }

  void ProcessSettings() {
    Json* settings = record_.Find("settings");
    if (settings == nullptr || IsEmpty(*settings)) return;
    if (const std::string* text = settings->AsString(); text != nullptr) {
      absl::StatusOr<Json> parsed = ParseJson(*text);
      if (!parsed.ok()) {
        return Violate("settings", absl::StrCat("is not JSON: ", parsed.status().message()));
      }
      *settings = *std::move(parsed);
      if (IsEmpty(*settings)) return;
    }
    if (settings->AsObject() == nullptr) return Violate("settings", "an object is expected");
    for (auto& [key, value] : settings->AsObject()->members()) {
      if (!IsKnownTextSetting(key)) {
        Violate(absl::StrCat("settings.", PresentableKey(key)), "is not a known setting");
      }
      // So a reader of the table gets them.
      if (format_ == Format::kLegacy) value = PythonNormalized(value);
    }
    FieldChecker(record_, "", &check_).Check({{"settings", FieldKind::kScalarMap}});
  }

  // It becomes a tag, so it must be one.
  void ProcessStyle() {
    const std::string style = Text("style");
    if (style.find(',') != std::string::npos) return Violate("style", "has a comma");
    if (PythonStrip(style) != style) record_.Set("style", PythonStrip(style));
  }

  void ProcessTags() {
    const Json* value = record_.Find("tags");
    if (value != nullptr && value->AsArray() == nullptr && value->AsString() == nullptr &&
        !value->is_null()) {
      return Violate("tags", "a list of strings, or one string with commas is expected");
    }
    const size_t violations = check_.violations.size();
    if (value != nullptr) FieldChecker(record_, "", &check_).Check(TagRules(*value));
    if (check_.violations.size() > violations) return;
    std::set<std::string> tags;
    const auto add = [&tags](absl::string_view text) {
      for (const absl::string_view tag : absl::StrSplit(text, ',')) {
        const absl::string_view stripped = PythonStrip(tag);
        if (!stripped.empty() && !IsSizeTag(stripped)) tags.emplace(stripped);
      }
    };
    if (value != nullptr && value->AsString() != nullptr) add(*value->AsString());
    if (value != nullptr && value->AsArray() != nullptr) {
      for (const Json& item : *value->AsArray()) add(*item.AsString());
    }
    const std::string style = Text("style");
    if (!style.empty() && style != DefaultTextStyle()) tags.insert(style);
    tags.insert(TextSizeTag(billions_));
    record_.Set("tags", JsonArray(tags.begin(), tags.end()));
  }

  static absl::Span<const FieldRule> TagRules(const Json& value) {
    static constexpr FieldRule kList[] = {{"tags", FieldKind::kStrings}};
    static constexpr FieldRule kText[] = {{"tags", FieldKind::kString}};
    return value.AsString() != nullptr ? kText : kList;
  }

  void DropEmpty() {
    std::erase_if(record_.members(), [this](const JsonObject::Member& member) {
      const bool may_go =
          Contains(kOptionalFields, member.first) ||
          (format_ == Format::kLegacy && Contains(kOptionalLegacyFields, member.first));
      return may_go && IsEmpty(member.second);
    });
  }

  void AddDefaults() {
    const std::string model(TextModelName(name_));
    if (format_ == Format::kLegacy) record_.Set("model_name", model);
    SetIfEmpty("display_name", GeneratedDisplayName(model));
    SetIfEmpty("baseline", "");
    SetIfEmpty("description", "");
    SetIfEmpty("version", DefaultTextVersion());
    SetIfEmpty("style", DefaultTextStyle());
    SetIfEmpty("nsfw", false);
  }

  void SetIfEmpty(absl::string_view field, Json value) {
    const Json* present = record_.Find(field);
    if (present == nullptr || IsEmpty(*present)) record_.Set(field, std::move(value));
  }

  void FinishLegacy() {
    JsonObject ordered;
    for (const absl::string_view field : TextLegacyOrder()) {
      if (Json* value = record_.Find(field); value != nullptr) {
        ordered.members().emplace_back(std::string(field), std::move(*value));
      }
    }
    for (auto& member : record_.members()) {
      if (!Contains(TextLegacyOrder(), member.first))
        ordered.members().push_back(std::move(member));
    }
    record_ = std::move(ordered);
    CheckNames();
    CheckTextTable(name_, record_, &check_);
  }

  void CheckNames() {
    for (const std::string& entry : TextLegacyEntryNames(name_)) {
      if (const absl::Status status = ValidateModelName(entry); !status.ok()) {
        AddViolation(
            {"name", absl::StrCat(Quoted(entry), ": ", status.message()), "BAD_MODEL_NAME"},
            &check_);
      }
    }
  }

  const Format format_;
  const absl::string_view name_;
  JsonObject& record_;
  double billions_ = 0;
  RecordCheck check_;
};

}  // namespace

RecordCheck ProcessTextRecord(Format format, absl::string_view name, JsonObject* record) {
  return TextRecordProcessor(format, name, record).Run();
}

std::vector<std::pair<std::string, Json>> TextLegacyEntries(absl::string_view name,
                                                            const JsonObject& record) {
  std::vector<std::pair<std::string, Json>> entries;
  for (const std::string& entry : TextLegacyEntryNames(name)) {
    JsonObject copy = record;
    copy.Set("name", entry);
    entries.emplace_back(entry, Json(std::move(copy)));
  }
  return entries;
}

std::vector<std::string> TextLegacyEntryNames(absl::string_view name) {
  return TextNameVariants(name);
}

}  // namespace modelref

#include "service/write/model_record.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

using v1::Download;
using v1::Model;

constexpr absl::string_view kUnknownSha256 = "FIXME";
constexpr size_t kSha256HexDigits = 64;

// An upper bound is no matter here: what is not 64 hexadecimal digits reads as unknown.
std::string NormalSha256(absl::string_view text) {
  const bool is_hex =
      text.size() == kSha256HexDigits && std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isxdigit(static_cast<unsigned char>(c));
      });
  return is_hex ? absl::AsciiStrToLower(text) : std::string(kUnknownSha256);
}

std::string TextOf(const JsonObject& object, absl::string_view name) {
  const Json* value = object.Find(name);
  return value == nullptr || value->AsString() == nullptr ? "" : *value->AsString();
}

JsonArray Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

void SetScalars(const Model& model, JsonObject* record) {
  if (model.has_description()) record->Set("description", model.description());
  if (model.has_version()) record->Set("version", model.version());
  if (model.has_baseline()) record->Set("baseline", model.baseline());
  if (model.has_nsfw()) record->Set("nsfw", model.nsfw());
  if (model.has_style()) record->Set("style", model.style());
  if (model.tags_size() > 0) record->Set("tags", Texts(model.tags()));
  if (model.trigger_size() > 0) record->Set("trigger", Texts(model.trigger()));
  if (model.showcases_size() > 0) record->Set("showcases", Texts(model.showcases()));
  if (model.has_homepage()) record->Set("homepage", model.homepage());
  if (model.has_size_on_disk_bytes()) {
    record->Set("size_on_disk_bytes", Json::Number(model.size_on_disk_bytes()));
  }
  if (model.has_inpainting()) record->Set("inpainting", model.inpainting());
  if (model.has_display_name()) record->Set("display_name", model.display_name());
  if (model.has_url()) record->Set("url", model.url());
}

// Under whichever of its two names the record has it; `parameters` counts when it has both.
void SetParameters(const Model& model, JsonObject* record) {
  if (!model.has_parameters()) return;
  const bool has_alias_only =
      record->Find("parameters") == nullptr && record->Find("parameters_count") != nullptr;
  record->Set(has_alias_only ? "parameters_count" : "parameters", Json::Number(model.parameters()));
  if (!has_alias_only) record->Erase("parameters_count");
}

// The entries of a list of objects by one of their members; of equal ones the last.
using EntriesByName = std::map<std::string, const JsonObject*>;
EntriesByName IndexEntries(const JsonObject& config, absl::string_view list,
                           absl::string_view member) {
  EntriesByName entries;
  const Json* value = config.Find(list);
  if (value == nullptr || value->AsArray() == nullptr) return entries;
  for (const Json& entry : *value->AsArray()) {
    if (entry.AsObject() != nullptr) {
      entries.insert_or_assign(TextOf(*entry.AsObject(), member), entry.AsObject());
    }
  }
  return entries;
}

JsonObject EntryOf(const EntriesByName& entries, const std::string& name) {
  const auto found = entries.find(name);
  return found == entries.end() ? JsonObject() : *found->second;
}

// Unless the entry says the same in other letters.
void SetSha256(const std::string& sha256, JsonObject* entry) {
  if (sha256.empty()) return;
  const Json* present = entry->Find("sha256sum");
  if (NormalSha256(TextOf(*entry, "sha256sum")) == NormalSha256(sha256) &&
      (present != nullptr || NormalSha256(sha256) == kUnknownSha256)) {
    return;
  }
  entry->Set("sha256sum", sha256);
}

// Builds the new `config` of a record.
class ConfigMerge {
 public:
  ConfigMerge(const Model& model, const JsonObject& config) : model_(model), config_(config) {}

  void MergeV2() {
    const EntriesByName stored = IndexEntries(config_, "download", "file_name");
    JsonArray downloads;
    for (const Download& download : model_.downloads()) {
      JsonObject entry = EntryOf(stored, download.file_name());
      SetAddress(download, &entry);
      SetSha256(download.sha256sum(), &entry);
      if (download.has_file_purpose()) entry.Set("file_purpose", download.file_purpose());
      if (download.has_known_slow_download()) {
        entry.Set("known_slow_download", download.known_slow_download());
      }
      if (download.has_size_bytes()) entry.Set("size_bytes", Json::Number(download.size_bytes()));
      downloads.push_back(Json(std::move(entry)));
    }
    config_.Set("download", Json(std::move(downloads)));
  }

  void MergeLegacy() {
    const EntriesByName stored = IndexEntries(config_, "download", "file_name");
    JsonArray downloads;
    for (int i = 0; i < model_.downloads_size(); ++i) {
      const Download& download = model_.downloads(i);
      JsonObject entry = EntryOf(stored, download.file_name());
      const bool is_new = entry.empty();
      entry.Set("file_name", download.file_name());
      if (is_new) entry.Set("file_path", "");
      if (!download.file_url().empty()) entry.Set("file_url", download.file_url());
      // Not of this format, but where they stand readers look at them first.
      if (entry.Find("sha256sum") != nullptr) SetSha256(download.sha256sum(), &entry);
      if (download.has_file_purpose() && entry.Find("file_purpose") != nullptr) {
        entry.Set("file_purpose", download.file_purpose());
      }
      CheckHeld(download, i, entry);
      downloads.push_back(Json(std::move(entry)));
    }
    MergeFiles(stored);
    config_.Set("download", Json(std::move(downloads)));
  }

  JsonObject Take() { return std::move(config_); }
  std::vector<FieldViolation> TakeViolations() { return std::move(violations_); }

 private:
  static void SetAddress(const Download& download, JsonObject* entry) {
    entry->Set("file_name", download.file_name());
    if (!download.file_url().empty() || entry->Find("file_url") == nullptr) {
      entry->Set("file_url", download.file_url());
    }
  }

  // What the legacy form has no member for.
  void CheckHeld(const Download& download, int index, const JsonObject& entry) {
    const auto check = [&](bool is_set, absl::string_view member, const Json& value) {
      const Json* present = entry.Find(member);
      if (!is_set || (present != nullptr && *present == value)) return;
      violations_.push_back(
          {absl::StrCat("downloads[", index, "].", member), "the legacy format cannot hold it"});
    };
    check(download.has_size_bytes(), "size_bytes", Json::Number(download.size_bytes()));
    check(download.has_known_slow_download(), "known_slow_download",
          Json(download.known_slow_download()));
  }

  // The files of the record in their order, without those whose download is gone, then the new
  // ones.
  void MergeFiles(const EntriesByName& stored_downloads) {
    std::map<std::string, const Download*> wanted;
    for (const Download& download : model_.downloads()) wanted[download.file_name()] = &download;
    JsonArray files;
    std::set<std::string> listed;
    const Json* present = config_.Find("files");
    if (present != nullptr && present->AsArray() != nullptr) {
      for (const Json& file : *present->AsArray()) {
        const std::string path = file.AsObject() == nullptr ? "" : TextOf(*file.AsObject(), "path");
        const auto download = wanted.find(path);
        if (download != wanted.end()) {
          listed.insert(path);
          files.push_back(FileOf(*download->second, *file.AsObject()));
        } else if (stored_downloads.count(path) == 0) {
          files.push_back(file);
        }
      }
    }
    for (const Download& download : model_.downloads()) {
      if (listed.count(download.file_name()) > 0) continue;
      JsonObject file;
      file.Set("path", download.file_name());
      files.push_back(FileOf(download, std::move(file)));
    }
    config_.Set("files", Json(std::move(files)));
  }

  static Json FileOf(const Download& download, JsonObject file) {
    SetSha256(download.sha256sum(), &file);
    if (download.has_file_purpose()) file.Set("file_type", download.file_purpose());
    return Json(std::move(file));
  }

  const Model& model_;
  JsonObject config_;
  std::vector<FieldViolation> violations_;
};

std::vector<FieldViolation> CheckModel(const Model& model) {
  std::vector<FieldViolation> violations;
  if (!model.json().empty()) {
    violations.push_back({"json", "must be empty where fields are written"});
  }
  std::set<std::string> names;
  for (int i = 0; i < model.downloads_size(); ++i) {
    const std::string& name = model.downloads(i).file_name();
    const std::string field = absl::StrCat("downloads[", i, "].file_name");
    if (name.empty()) {
      violations.push_back({field, "is missing"});
    } else if (!names.insert(name).second) {
      violations.push_back({field, "is listed twice"});
    }
  }
  return violations;
}

absl::Status ToStatus(std::vector<FieldViolation> violations) {
  if (violations.empty()) return absl::OkStatus();
  ErrorExtras extras;
  const std::string message =
      absl::StrCat(violations.front().field, ": ", violations.front().description);
  extras.field_violations = std::move(violations);
  return Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD", message, std::move(extras));
}

}  // namespace

absl::Status MergeModel(const Model& model, Format format, JsonObject* record) {
  std::vector<FieldViolation> violations = CheckModel(model);
  JsonObject config;
  if (model.downloads_size() > 0) {
    const Json* present = record->Find("config");
    const JsonObject* stored = present == nullptr ? nullptr : present->AsObject();
    ConfigMerge merge(model, stored == nullptr ? JsonObject() : *stored);
    if (format == Format::kLegacy) {
      merge.MergeLegacy();
    } else {
      merge.MergeV2();
    }
    config = merge.Take();
    for (FieldViolation& violation : merge.TakeViolations()) {
      violations.push_back(std::move(violation));
    }
  }
  if (!violations.empty()) return ToStatus(std::move(violations));
  SetScalars(model, record);
  SetParameters(model, record);
  if (model.downloads_size() > 0) record->Set("config", Json(std::move(config)));
  return absl::OkStatus();
}

}  // namespace modelref

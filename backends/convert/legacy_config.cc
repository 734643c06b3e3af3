#include "backends/convert/legacy_config.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/convert/legacy_fields.h"

namespace modelref {
namespace {

// A sentinel of the original: not known, not verified.
constexpr absl::string_view kUnknownSha256 = "FIXME";
constexpr size_t kSha256HexDigits = 64;

struct LegacyFile {
  std::string path;
  std::optional<std::string> sha256sum, file_type, content_hash;
};

struct LegacyDownload {
  std::optional<std::string> file_name, file_path, file_url;
};

LegacyFile ReadFileEntry(LegacyFields fields) {
  LegacyFile file;
  file.path = fields.RequiredString("path");
  (void)fields.OptionalString("md5sum");  // Dropped, but it must be a string.
  file.sha256sum = fields.OptionalString("sha256sum");
  file.file_type = fields.OptionalString("file_type");
  file.content_hash = fields.OptionalString("content_hash");
  return file;
}

LegacyDownload ReadDownloadEntry(LegacyFields fields) {
  LegacyDownload download;
  download.file_name = fields.OptionalString("file_name");
  download.file_path = fields.OptionalString("file_path");
  download.file_url = fields.OptionalString("file_url");
  return download;
}

// What Python counts as false is an empty list.
bool IsFalsy(const Json& value) {
  if (const bool* boolean = value.AsBool(); boolean != nullptr) return !*boolean;
  if (const std::string* string = value.AsString(); string != nullptr) return string->empty();
  if (const JsonObject* object = value.AsObject(); object != nullptr) return object->empty();
  if (const JsonArray* array = value.AsArray(); array != nullptr) return array->empty();
  return value.is_null() || LaxInt(value) == "0";
}

template <typename Entry>
struct ReadEntry {
  Entry entry;
  size_t index;
  bool is_whole;  // All of it could be read.
};

template <typename Entry, typename Read>
std::vector<ReadEntry<Entry>> ReadEntries(const JsonObject& config, absl::string_view name,
                                          Read read, std::vector<FieldViolation>* problems) {
  std::vector<ReadEntry<Entry>> entries;
  const Json* value = config.Find(name);
  if (value == nullptr || IsFalsy(*value)) return entries;
  const JsonArray* array = value->AsArray();
  if (array == nullptr) {
    problems->push_back({absl::StrCat("config.", name), "a list of objects is expected"});
    return entries;
  }
  for (size_t i = 0; i < array->size(); ++i) {
    const std::string path = absl::StrCat("config.", name, "[", i, "]");
    const JsonObject* entry = (*array)[i].AsObject();
    if (entry == nullptr) {
      problems->push_back({path, "an object is expected"});
      continue;
    }
    const size_t problems_before = problems->size();
    Entry read_entry = read(LegacyFields(*entry, absl::StrCat(path, "."), problems));
    entries.push_back({std::move(read_entry), i, problems->size() == problems_before});
  }
  return entries;
}

// The original cannot read an address with half of a pair of brackets around its host.
bool HasBrokenHost(absl::string_view url) {
  const size_t start = url.find("//");
  if (start == absl::string_view::npos) return false;
  const absl::string_view host =
      url.substr(start + 2, std::min(url.find_first_of("/?#", start + 2), url.size()) - start - 2);
  return absl::StrContains(host, '[') != absl::StrContains(host, ']');
}

void RemarkOnFile(const LegacyFile& file, std::vector<std::string>* remarks) {
  if (file.path.empty()) {
    remarks->push_back("a config file has no path");
  } else if (!absl::StrContains(file.path, ".yaml") && !absl::StrContains(file.path, ".json")) {
    if (file.sha256sum.value_or("").empty()) {
      remarks->push_back(absl::StrCat(file.path, " has no sha256sum"));
    } else if (file.sha256sum->size() != kSha256HexDigits) {
      remarks->push_back(absl::StrCat(file.path, " has a sha256sum of the wrong length"));
    }
  }
}

// The downloads in the order of the files, found by file name.
class DownloadList {
 public:
  // A path that repeats keeps its first place and gets the last content.
  void AddFile(const LegacyFile& file) {
    const std::string lower = absl::AsciiStrToLower(file.path);
    if (file.path.empty() || absl::StrContains(lower, "yaml")) return;
    const bool unknown = file.sha256sum.value_or("").empty();
    ConvertedDownload download;
    download.file_name = file.path;
    download.sha256sum = unknown ? std::string(kUnknownSha256) : *file.sha256sum;
    download.content_hash = file.content_hash;
    download.file_purpose = file.file_type;
    // The path, not the address: so the original does (W-C16), and its files say so.
    download.known_slow_download = absl::StrContains(lower, "civitai");
    const auto [it, is_new] = places_.try_emplace(file.path, downloads_.size());
    if (is_new) downloads_.emplace_back();
    downloads_[it->second] = std::move(download);
  }

  // Null when no such file was added.
  ConvertedDownload* Find(const std::string& file_name) {
    const auto it = places_.find(file_name);
    return it == places_.end() ? nullptr : &downloads_[it->second];
  }

  std::vector<ConvertedDownload> Take() { return std::move(downloads_); }

 private:
  std::vector<ConvertedDownload> downloads_;
  std::map<std::string, size_t> places_;
};

// `knows_files`: a file that is not listed is not there.
void SetAddress(const LegacyDownload& entry, size_t index, bool knows_files,
                DownloadList* downloads, std::vector<FieldViolation>* problems,
                std::vector<std::string>* remarks) {
  const std::string name = entry.file_name.value_or("");
  const std::string url = entry.file_url.value_or("");
  if (!entry.file_path.value_or("").empty()) {
    remarks->push_back(absl::StrCat("the download of ", name, " has a file_path"));
  }
  if (url.empty()) remarks->push_back(absl::StrCat("the download of ", name, " has no file_url"));
  if (HasBrokenHost(url)) {
    problems->push_back({absl::StrCat("config.download[", index, "].file_url"), "not an address"});
  }
  ConvertedDownload* download = downloads->Find(name);
  if (download == nullptr) {
    if (!knows_files) return;
    problems->push_back({absl::StrCat("config.download[", index, "].file_name"),
                         absl::StrCat("\"", name, "\" is not among the files of the config")});
    return;
  }
  download->file_url = url;
}

}  // namespace

ConvertedConfig ConvertLegacyConfig(const JsonObject& record, std::vector<FieldViolation>* problems,
                                    std::vector<std::string>* remarks) {
  ConvertedConfig out;
  const Json* value = record.Find("config");
  if (value != nullptr && !value->is_null() && value->AsObject() == nullptr) {
    problems->push_back({"config", "an object is expected"});
    return out;
  }
  const JsonObject empty;
  const JsonObject& config = value == nullptr || value->is_null() ? empty : *value->AsObject();
  const size_t problems_before = problems->size();
  const std::vector<ReadEntry<LegacyFile>> files =
      ReadEntries<LegacyFile>(config, "files", ReadFileEntry, problems);
  const bool knows_files = problems->size() == problems_before;
  const std::vector<ReadEntry<LegacyDownload>> downloads =
      ReadEntries<LegacyDownload>(config, "download", ReadDownloadEntry, problems);
  out.embedded_component_hashes =
      LegacyFields(config, "config.", problems).OptionalStringMap("embedded_component_hashes");
  out.has_addresses = !downloads.empty();
  DownloadList list;
  for (const ReadEntry<LegacyFile>& file : files) {
    RemarkOnFile(file.entry, remarks);
    list.AddFile(file.entry);
  }
  for (const ReadEntry<LegacyDownload>& download : downloads) {
    // What could not be read would only be reported again.
    if (!download.is_whole) continue;
    SetAddress(download.entry, download.index, knows_files, &list, problems, remarks);
  }
  out.downloads = list.Take();
  return out;
}

}  // namespace modelref

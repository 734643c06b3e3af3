#include "audit/layout.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "backends/base/durable_file.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kPrefix = "audit-";
constexpr absl::string_view kSuffix = ".jsonl";
constexpr size_t kDigits = 6;
constexpr char kIndexName[] = "index.json";
constexpr char kIndexKey[] = "last_event_id";
constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 10;

// The names in a folder, sorted by their bytes, which is the order of Python's strings too.
absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& folder, bool folders) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error.value() == ENOENT || error.value() == ENOTDIR) return names;
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    std::error_code ignored;
    if (entries->is_directory(ignored) == folders) {
      names.push_back(entries->path().filename().string());
    }
  }
  if (error) return ErrnoStatus(error.value(), "list", folder);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::optional<Format> FormatOfDomain(absl::string_view domain) {
  for (const Format format : {Format::kLegacy, Format::kV2}) {
    if (domain == FormatName(format)) return format;
  }
  return std::nullopt;
}

std::string AuditSeriesName(const DocumentKey& key) {
  return absl::StrCat(FormatName(key.format), "/", key.category);
}

std::string AuditSegmentName(uint32_t number) {
  return absl::StrFormat("%s%06u%s", kPrefix, number, kSuffix);
}

std::optional<uint32_t> AuditSegmentNumber(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kPrefix) || !absl::ConsumeSuffix(&name, kSuffix)) {
    return std::nullopt;
  }
  uint32_t number = 0;
  const bool is_number =
      name.size() == kDigits && std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
  if (!is_number || !absl::SimpleAtoi(name, &number)) return std::nullopt;
  return number;
}

absl::StatusOr<std::vector<DocumentKey>> ListAuditSeries(const std::string& root) {
  std::vector<DocumentKey> series;
  for (const Format format : {Format::kLegacy, Format::kV2}) {  // Sorted by name, too.
    ASSIGN_OR_RETURN(const std::vector<std::string> categories,
                     NamesIn(absl::StrCat(root, "/", FormatName(format)), /*folders=*/true));
    for (const std::string& category : categories) series.push_back({category, format});
  }
  return series;
}

absl::StatusOr<std::vector<std::string>> ListAuditFiles(const std::string& folder) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, NamesIn(folder, /*folders=*/false));
  std::erase_if(names, [](const std::string& name) {
    return name.size() < kPrefix.size() + kSuffix.size() || !absl::StartsWith(name, kPrefix) ||
           !absl::EndsWith(name, kSuffix);
  });
  return names;
}

absl::StatusOr<std::vector<uint32_t>> ListAuditSegments(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListAuditFiles(folder));
  std::vector<uint32_t> numbers;
  for (const std::string& name : names) {
    if (const auto number = AuditSegmentNumber(name); number.has_value()) {
      numbers.push_back(*number);
    }
  }
  return numbers;
}

absl::StatusOr<uint64_t> ReadAuditIndex(const std::string& root) {
  const std::string path = absl::StrCat(root, "/", kIndexName);
  ASSIGN_OR_RETURN(const std::string text, ReadFileToString(path, kMaxIndexBytes));
  const absl::StatusOr<Json> value = ParseJson(text);
  const JsonObject* object = value.ok() ? value->AsObject() : nullptr;
  const Json* id = object != nullptr ? object->Find(kIndexKey) : nullptr;
  const JsonNumber* number = id != nullptr ? id->AsNumber() : nullptr;
  uint64_t last_event_id = 0;
  if (number == nullptr || !absl::SimpleAtoi(number->lexeme, &last_event_id)) {
    return absl::DataLossError(absl::StrCat(path, ": is no index of an audit trail"));
  }
  return last_event_id;
}

absl::Status WriteAuditIndex(const std::string& root, uint64_t last_event_id) {
  JsonObject index;
  index.Set(kIndexKey, Json(JsonNumber{absl::StrCat(last_event_id)}));
  return WriteFileDurably(absl::StrCat(root, "/", kIndexName), FormatJson(index, {.ascii = true}));
}

}  // namespace modelref

#include "backends/convert/import_legacy.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/categories.h"
#include "backends/base/durable_file.h"
#include "backends/base/status_macros.h"
#include "backends/convert/legacy_to_v2.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kLegacyFolder = "legacy";

// The file of a category, where a directory holds it.
struct Source {
  std::string path;
  std::string file_name;
};
using Sources = std::map<absl::string_view, Source>;  // By category.

std::string JoinPath(absl::string_view folder, absl::string_view name) {
  return absl::StrCat(folder, "/", name);
}

// Anything of that name: what is not a readable file is to be reported, not passed over.
bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

Sources FindSources(const std::string& folder) {
  Sources sources;
  for (const Category& category : BuiltInCategories()) {
    for (const absl::string_view name : {category.legacy_file, category.legacy_fallback_file}) {
      const std::string path = JoinPath(folder, name);
      if (name.empty() || !Exists(path)) continue;
      sources[category.name] = {path, std::string(name)};
      break;
    }
  }
  return sources;
}

absl::StatusOr<Sources> FindSourcesOfDirectory(const std::string& dir) {
  std::error_code error;
  if (!fs::is_directory(dir, error)) {
    return absl::NotFoundError(absl::StrCat(dir, " is not a directory"));
  }
  Sources sources = FindSources(JoinPath(dir, kLegacyFolder));
  if (sources.empty()) sources = FindSources(dir);
  if (sources.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no legacy file of a known category (such as stable_diffusion.json or "
                     "models.csv) in ",
                     dir));
  }
  return sources;
}

// The bytes of a file that may be absent.
absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& path,
                                                       uint64_t max_bytes) {
  absl::StatusOr<std::string> bytes = ReadFileToString(path, max_bytes);
  if (absl::IsNotFound(bytes.status())) return std::nullopt;
  RETURN_IF_ERROR(bytes.status());
  return std::optional<std::string>(*std::move(bytes));
}

// True when the file was written, false when it was there with these bytes.
absl::StatusOr<bool> WriteIfDifferent(const std::string& path, absl::string_view bytes,
                                      const ImportOptions& options) {
  const absl::StatusOr<std::optional<std::string>> present =
      ReadIfThere(path, options.max_file_bytes);
  // A file too large to read is not the same; what cannot be opened cannot be replaced either.
  if (!present.ok() && !absl::IsResourceExhausted(present.status())) return present.status();
  if (present.ok() && present->has_value() && **present == bytes) return false;
  if (options.dry_run) return true;
  RETURN_IF_ERROR(WriteFileDurably(path, bytes));
  return true;
}

// Imports one file.
class CategoryImport {
 public:
  CategoryImport(const Category& category, const Source& source, const std::string& data_dir,
                 const ImportOptions& options)
      : category_(category), source_(source), data_dir_(data_dir), options_(options) {}

  ImportedCategory Run() {
    out_.category = std::string(category_.name);
    out_.source = source_.path;
    out_.status = Import();
    return std::move(out_);
  }

 private:
  absl::Status Import() {
    ASSIGN_OR_RETURN(const std::string bytes,
                     ReadFileToString(source_.path, options_.max_file_bytes));
    ASSIGN_OR_RETURN(ConvertedDocument converted,
                     ConvertLegacyFile(category_, source_.file_name, bytes));
    out_.issues = std::move(converted.issues);
    out_.rejected = converted.rejected;
    RETURN_IF_ERROR(CheckUsable(converted));
    const std::string legacy = JoinPath(data_dir_, kLegacyFolder);
    if (options_.commit != nullptr && !options_.dry_run) {
      ASSIGN_OR_RETURN(
          const ImportEffect effect,
          options_.commit({std::string(category_.name), JoinPath(legacy, source_.file_name), bytes,
                           FormatConvertedDocument(converted.records)}));
      out_.legacy_written = effect.legacy_written;
      out_.v2_written = effect.v2_written;
      out_.imported = converted.records.size();
      return absl::OkStatus();
    }
    if (!options_.dry_run) RETURN_IF_ERROR(CreateDirectories(legacy));
    ASSIGN_OR_RETURN(out_.legacy_written,
                     WriteIfDifferent(JoinPath(legacy, source_.file_name), bytes, options_));
    ASSIGN_OR_RETURN(out_.v2_written,
                     WriteIfDifferent(JoinPath(data_dir_, category_.v2_file),
                                      FormatConvertedDocument(converted.records), options_));
    out_.imported = converted.records.size();
    return absl::OkStatus();
  }

  // Good data is never replaced by nothing (W-D9, W-D10).
  absl::Status CheckUsable(const ConvertedDocument& converted) const {
    if (source_.file_name == category_.legacy_fallback_file &&
        Exists(JoinPath(JoinPath(data_dir_, kLegacyFolder), category_.legacy_file))) {
      return absl::FailedPreconditionError(
          absl::StrCat("the data directory has ", kLegacyFolder, "/", category_.legacy_file,
                       ", which is read instead of ", source_.file_name));
    }
    if (!converted.records.empty()) return absl::OkStatus();
    if (converted.rejected > 0) {
      return absl::InvalidArgumentError("not one record of the file can be converted");
    }
    if (Exists(JoinPath(data_dir_, category_.v2_file)) && !IsEmptyDocument()) {
      return absl::FailedPreconditionError(
          "the file holds no record; the category keeps the records it has");
    }
    return absl::OkStatus();
  }

  bool IsEmptyDocument() const {
    const absl::StatusOr<std::string> bytes =
        ReadFileToString(JoinPath(data_dir_, category_.v2_file), options_.max_file_bytes);
    if (!bytes.ok()) return false;
    const absl::StatusOr<Json> json = ParseJson(*bytes, {.depth = kMaxJsonDepth});
    return json.ok() && json->AsObject() != nullptr && json->AsObject()->empty();
  }

  const Category& category_;
  const Source& source_;
  const std::string& data_dir_;
  const ImportOptions& options_;
  ImportedCategory out_;
};

}  // namespace

bool ImportReport::ok() const {
  return problems.empty() &&
         std::all_of(categories.begin(), categories.end(), [](const ImportedCategory& category) {
           return category.status.ok() && category.rejected == 0;
         });
}

ImportReport ImportLegacy(const std::vector<std::string>& dirs, const std::string& data_dir,
                          const ImportOptions& options) {
  ImportReport report;
  Sources sources;
  for (const std::string& dir : dirs) {
    const absl::StatusOr<Sources> found = FindSourcesOfDirectory(dir);
    if (!found.ok()) {
      report.problems.push_back({dir, found.status()});
      continue;
    }
    for (const auto& [category, source] : *found) {
      const auto [it, is_new] = sources.emplace(category, source);
      if (is_new || it->second.path == source.path) continue;
      report.problems.push_back(
          {source.path, absl::AlreadyExistsError(absl::StrCat(
                            category, " was found in ", it->second.path, " and is taken there"))});
    }
  }
  for (const Category& category : BuiltInCategories()) {
    const auto it = sources.find(category.name);
    if (it == sources.end()) continue;
    report.categories.push_back(CategoryImport(category, it->second, data_dir, options).Run());
  }
  return report;
}

}  // namespace modelref

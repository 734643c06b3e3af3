#include "backends/filesystem_backend.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "backends/document_file.h"

namespace modelref {
namespace {

constexpr char kLegacyFolder[] = "legacy";

absl::StatusOr<SnapshotPtr> EmptyLegacyDocument() {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->document = Document::Empty();
  snapshot->source_text = std::make_shared<const std::string>("{}");
  return SnapshotPtr(std::move(snapshot));
}

}  // namespace

FileSystemBackend::FileSystemBackend(Options options, const CategoryRegistry& registry,
                                     Executor& executor, Clock& clock)
    : options_(std::move(options)),
      registry_(registry),
      executor_(executor),
      clock_(clock),
      statistics_("filesystem") {
  if (options_.create_missing_files) CreateMissingFiles();
}

void FileSystemBackend::CreateMissingFiles() const {
  for (const Category& category : registry_.categories()) {
    if (category.has_legacy()) continue;
    const std::string path = PathOf({std::string(category.name), Format::kV2});
    // access() and not StatFile: whatever stands there, also something odd, is not ours to replace.
    if (access(path.c_str(), F_OK) == 0 || errno != ENOENT) continue;
    if (const absl::Status status = WriteFileDurably(path, "{}"); !status.ok()) {
      Log(LogLevel::kWarning, "backend.create_file_failed",
          {{"path", path}, {"error", std::string(status.message())}});
    }
  }
}

std::vector<std::string> FileSystemBackend::Categories() const {
  std::vector<std::string> names;
  for (const Category& category : registry_.categories()) names.emplace_back(category.name);
  return names;
}

std::string FileSystemBackend::PathOf(const DocumentKey& key) const {
  const Category* category = registry_.Find(key.category);
  if (category == nullptr) return "";
  if (key.format == Format::kV2) return absl::StrCat(options_.data_dir, "/", category->v2_file);
  if (!category->has_legacy()) return "";
  const std::string folder = absl::StrCat(options_.data_dir, "/", kLegacyFolder, "/");
  const std::string path = absl::StrCat(folder, category->legacy_file);
  if (category->legacy_fallback_file.empty()) return path;
  const bool missing = access(path.c_str(), F_OK) != 0 && errno == ENOENT;
  const std::string fallback = absl::StrCat(folder, category->legacy_fallback_file);
  return missing && access(fallback.c_str(), F_OK) == 0 ? fallback : path;
}

absl::StatusOr<SnapshotPtr> FileSystemBackend::Fetch(const DocumentKey& key, FetchMode) {
  const absl::Time start = clock_.TimeNow();
  absl::StatusOr<SnapshotPtr> snapshot = Load(key);
  statistics_.CountFetch(snapshot.status(), clock_.TimeNow() - start,
                         snapshot.ok() ? (*snapshot)->source_bytes : 0);
  MutexLock lock(&mutex_);
  if (snapshot.ok() || absl::IsNotFound(snapshot.status())) {
    failures_.erase(key);
  } else {
    failures_[key] = snapshot.status();
  }
  return snapshot;
}

void FileSystemBackend::FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) {
  auto shared_done = std::make_shared<FetchCallback>(std::move(done));
  const absl::Status submitted =
      executor_.Submit([this, key, mode, shared_done] { (*shared_done)(Fetch(key, mode)); });
  if (!submitted.ok()) (*shared_done)(submitted);
}

absl::StatusOr<SnapshotPtr> FileSystemBackend::Load(const DocumentKey& key) {
  const Category* category = registry_.Find(key.category);
  if (category == nullptr) {
    return Error(absl::StatusCode::kNotFound, "CATEGORY_NOT_FOUND",
                 absl::StrCat("no category ", key.category));
  }
  if (key.format == Format::kLegacy && !category->has_legacy()) return EmptyLegacyDocument();
  const std::string path = PathOf(key);
  return ReadDocumentFile(
      path, {key.format, IsTableFile(path), options_.document_bytes, options_.limits});
}

absl::StatusOr<std::string> FileSystemBackend::CurrentVersion(const DocumentKey& key) {
  const std::string path = PathOf(key);
  if (path.empty()) return std::string();
  const absl::StatusOr<FileVersion> version = StatFile(path);
  if (!version.ok()) return DocumentFileError(version.status());
  return ToString(*version);
}

std::vector<HealthReport> FileSystemBackend::CheckHealth() {
  std::vector<HealthReport> reports;
  const bool readable = access(options_.data_dir.c_str(), R_OK | X_OK) == 0;
  reports.push_back(
      {"data_dir", readable ? absl::OkStatus() : ErrnoStatus(errno, "access", options_.data_dir)});
  MutexLock lock(&mutex_);
  for (const auto& [key, status] : failures_) {
    reports.push_back({absl::StrCat("document ", key.ToString()), status});
  }
  return reports;
}

std::map<std::string, absl::StatusOr<SnapshotPtr>> FetchAll(ModelReferenceBackend& backend,
                                                            Format format, FetchMode mode) {
  std::map<std::string, absl::StatusOr<SnapshotPtr>> all;
  for (const std::string& category : backend.Categories()) {
    all.emplace(category, backend.Fetch({category, format}, mode));
  }
  return all;
}

}  // namespace modelref

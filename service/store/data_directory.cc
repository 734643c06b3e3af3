#include "service/store/data_directory.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "backends/base/temporary_file.h"

namespace modelref {
namespace {

constexpr char kAuditFolder[] = "/audit";
constexpr char kStoreFolder[] = "/.modelref";

absl::Status CheckWritable(const std::string& directory) {
  if (access(directory.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
  if (errno != EACCES && errno != EROFS) return ErrnoStatus(errno, "access", directory);
  return Error(absl::StatusCode::kFailedPrecondition, "READ_ONLY_DIRECTORY",
               absl::StrCat("data directory ", directory,
                            " cannot be written, and a primary keeps its store in it: make it "
                            "writable, or serve it read-only with mode replica and offline"));
}

// Never over what an editor saves at that moment.
absl::Status CreateIfAbsent(const std::string& path, absl::string_view bytes) {
  ASSIGN_OR_RETURN(TemporaryFile temporary, TemporaryFile::Write(path, bytes));
  const absl::Status placed = RenameIfAbsent(temporary.path(), path);
  if (absl::IsAlreadyExists(placed)) return absl::OkStatus();
  RETURN_IF_ERROR(placed);
  temporary.Release();
  return SyncDirectoryOf(path);
}

}  // namespace

DataDirectory::DataDirectory(const Options& options, const CategoryRegistry& registry, Clock& clock,
                             Executor& executor)
    : options_(options), registry_(registry), clock_(clock), executor_(executor) {}

DataDirectory::~DataDirectory() { Stop().IgnoreError(); }

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(const Options& options,
                                                                   const CategoryRegistry& registry,
                                                                   Clock& clock,
                                                                   Executor& executor) {
  std::unique_ptr<DataDirectory> directory(new DataDirectory(options, registry, clock, executor));
  RETURN_IF_ERROR(directory->Build());
  return directory;
}

absl::Status DataDirectory::Build() {
  Store::Options store = options_.store;
  BackendOptions backends = options_.backends;
  store.directory.clear();
  if (!options_.read_only) {
    RETURN_IF_ERROR(CheckWritable(backends.data_dir));
    store.directory = backends.data_dir + kStoreFolder;
    backends.create_missing_files = false;
  }
  const std::vector<DocumentKey> keys = registry_.DocumentKeys();
  ASSIGN_OR_RETURN(backends_, MakeBackends(backends, registry_, clock_, executor_));
  if (!options_.read_only) {
    AdoptionOptions adoption;
    adoption.store_directory = store.directory;
    adoption.audit_root = AuditRoot();
    adoption.path_of = [this](const DocumentKey& key) { return backends_.file_paths->PathOf(key); };
    adoption.metadata_path_of = [this](const DocumentKey& key) { return MetadataPath(key); };
    adoption.form.document_bytes = backends.document_bytes;
    adoption.form.limits = backends.limits;
    ASSIGN_OR_RETURN(adoption_, AdoptDirectory(keys, clock_, adoption));
  }
  ASSIGN_OR_RETURN(store_, Store::Open(keys, clock_, store));
  SourceSync::Options sync = options_.sync;
  sync.form.document_bytes = backends.document_bytes;
  sync.form.limits = backends.limits;
  if (!options_.read_only) {
    sync.restore = [this](const DocumentKey& key) { projector_->RestoreFile(key); };
  }
  sync_ = std::make_unique<SourceSync>(*store_, backends_, keys, clock_, sync);
  if (options_.read_only) return absl::OkStatus();
  Projector::Importer importer;
  importer.start = [this] { return StartImporter(); };
  importer.stop = [this] { sync_->Stop(); };
  importer.displaced = [this](const DocumentKey& key, const std::string& path) {
    return sync_->ImportDisplaced(key, path);
  };
  importer.alone = [this](const std::function<void()>& work) {
    return sync_->WhileNothingIsImported(work);
  };
  audit_ = std::make_unique<AuditProjection>(AuditRoot(), options_.audit);
  const auto metadata_path = [this](const DocumentKey& key) { return MetadataPath(key); };
  projector_ = std::make_unique<Projector>(
      *store_, Projector::Paths{*backends_.file_paths, metadata_path},
      std::vector<EventProjection::Parts>{AuditParts()}, std::move(importer), options_.projector);
  return absl::OkStatus();
}

std::string DataDirectory::AuditRoot() const {
  return options_.audit_root.empty() ? options_.backends.data_dir + kAuditFolder
                                     : options_.audit_root;
}

std::string DataDirectory::MetadataPath(const DocumentKey& key) const {
  return MetadataFilePath(options_.backends.data_dir, key);
}

absl::Status DataDirectory::Start() {
  return projector_ == nullptr ? sync_->Start() : projector_->Start();
}

absl::Status DataDirectory::Stop() {
  if (projector_ != nullptr) return projector_->Stop();
  if (sync_ != nullptr) sync_->Stop();  // Null when it could not be opened.
  return absl::OkStatus();
}

EventProjection::Parts DataDirectory::AuditParts() {
  EventProjection::Parts parts;
  parts.name = "audit";
  parts.recover = [this](Database& reader, uint64_t position) {
    return audit_->Recover(reader, position);
  };
  parts.advance = [this](Database& reader, uint64_t position, size_t max_events) {
    return audit_->Advance(reader, position, max_events);
  };
  return parts;
}

absl::Status DataDirectory::StartImporter() {
  CreateMissingFiles();
  return sync_->Start();
}

// The original has a file for every category without a legacy form.
void DataDirectory::CreateMissingFiles() {
  for (const Category& category : registry_.categories()) {
    if (category.has_legacy()) continue;
    const DocumentKey key{std::string(category.name), Format::kV2};
    const RootPtr root = store_->root();
    const DocumentState* state = root->Find(key);
    const std::string path = backends_.file_paths->PathOf(key);
    if (state == nullptr || state->known || access(path.c_str(), F_OK) == 0 || errno != ENOENT) {
      continue;
    }
    if (const absl::Status status = CreateIfAbsent(path, "{}"); !status.ok()) {
      Log(LogLevel::kWarning, "store.create_file_failed",
          {{"path", path}, {"error", std::string(status.message())}});
    }
  }
}

absl::Status DataDirectory::Refresh(const DocumentKey& key) {
  return imports() ? sync_->Refresh(key) : sync_->RefreshHere(key);
}

void DataDirectory::MarkStale(const DocumentKey& key) {
  if (imports()) {
    sync_->MarkStale(key);
    return;
  }
  backends_.cache->MarkStale(key);
  const absl::Status queued =
      executor_.Submit([this, key] { sync_->RefreshHere(key).IgnoreError(); });
  if (!queued.ok()) {
    Log(LogLevel::kWarning, "store.refresh_not_queued",
        {{"document", key.ToString()}, {"error", std::string(queued.message())}});
  }
}

DocumentForm DataDirectory::FormOf(const DocumentKey& key) const {
  const std::string path = backends_.file_paths == nullptr ? "" : backends_.file_paths->PathOf(key);
  return {key.format, IsTableFile(path), options_.backends.document_bytes,
          options_.backends.limits};
}

bool DataDirectory::notices_changes() const { return !imports() || sync_->uses_inotify(); }

}  // namespace modelref

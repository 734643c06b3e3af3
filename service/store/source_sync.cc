#include "service/store/source_sync.h"

#include <memory>
#include <utility>

#include "backends/base/status_macros.h"
#include "service/store/displaced_file.h"
#include "service/store/file_base.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

constexpr char kAdoptCaller[] = "external:adopt";
constexpr char kFileCaller[] = "external:file";

// For another process that imports a file or exchanges one, which may wait for an editor.
constexpr absl::Duration kPatience = absl::Seconds(10);
// How often a file is read again that another one has replaced when it is to be committed.
constexpr int kReadings = 5;

std::string TurnPath(const Store& store) {
  const std::string& directory = store.options().directory;
  return directory.empty() ? "" : directory + kImportLockFile;
}

}  // namespace

SourceSync::SourceSync(Store& store, Backends& backends, std::vector<DocumentKey> keys,
                       Clock& clock, const Options& options)
    : store_(store),
      backends_(backends),
      keys_(std::move(keys)),
      options_(options),
      importer_(store, clock, ImporterOptions()),
      watcher_(WatcherOptions(), *backends.file_paths, *backends.versions, clock,
               [this](const DocumentKey& key, FileWatcher::Cause cause) {
                 Import(key, kFileCaller, cause);
               }),
      turn_(TurnPath(store)) {
  backends_.cache->RegisterInvalidationCallback([this](const DocumentKey& key, StaleCause cause) {
    if (!follows_) return;
    if (cause == StaleCause::kMarked) store_.SetFreshness(key, FreshnessCause::kMarked, "");
    if (cause == StaleCause::kTtl) store_.SetFreshness(key, FreshnessCause::kTtl, "");
  });
}

SourceSync::~SourceSync() { Stop(); }

SourceImporter::Options SourceSync::ImporterOptions() const {
  SourceImporter::Options importer;
  const std::string& directory = store_.options().directory;
  if (!directory.empty()) importer.held_folder = directory + "/held";
  if (backends_.file_paths) {
    importer.path_of = [this](const DocumentKey& key) { return backends_.file_paths->PathOf(key); };
  }
  importer.restore = options_.restore;
  importer.damage_grace = options_.damage_grace;
  importer.recent = options_.recent;
  importer.held_removals = options_.held_removals;
  return importer;
}

FileWatcher::Options SourceSync::WatcherOptions() {
  FileWatcher::Options watcher;
  watcher.keys = keys_;
  watcher.poll_interval = options_.poll_interval;
  watcher.settle_time = options_.settle_time;
  watcher.on_poll = [this] { OnPoll(); };
  return watcher;
}

absl::Status SourceSync::Start() {
  follows_ = true;
  watcher_.TakeBaseline();
  for (const DocumentKey& key : keys_) Import(key, kAdoptCaller, FileWatcher::Cause::kVersion);
  importer_.UpdateHeld();
  return watcher_.Start();
}

void SourceSync::Stop() {
  watcher_.Stop();
  follows_ = false;
}

bool SourceSync::IsKnownVersion(const DocumentKey& key) {
  const absl::StatusOr<std::string> version = backends_.versions->CurrentVersion(key);
  if (!version.ok() || version->empty()) return false;
  bool is_known = false;
  const absl::Status asked = store_.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t id, DocumentId(database, key));
    ASSIGN_OR_RETURN(const std::optional<FileState> file, ReadFileState(database, id));
    is_known = file.has_value() && file->version == *version;
    return absl::OkStatus();
  });
  return asked.ok() && is_known;
}

bool SourceSync::HasKnownBytes(const DocumentKey& key) {
  const RootPtr root = store_.root();
  const DocumentState* state = root->Find(key);
  if (state == nullptr || !state->known || !backends_.file_paths) return false;
  const absl::StatusOr<std::string> before = backends_.versions->CurrentVersion(key);
  if (!before.ok() || before->empty()) return false;
  const absl::StatusOr<FileDigest> digest = DigestFile(backends_.file_paths->PathOf(key));
  const absl::StatusOr<std::string> after = backends_.versions->CurrentVersion(key);
  if (!digest.ok() || !after.ok() || *after != *before) return false;
  bool is_start;
  {
    MutexLock lock(&mutex_);
    is_start = judged_.count(key) == 0;
  }
  auto is_known = std::make_shared<bool>(false);
  TransactionRequest request;
  request.caller = kFileCaller;
  request.body = [key, sha256 = digest->sha256, version = *after, is_start,
                  is_known](TransactionContext& context) -> absl::Status {
    *is_known = false;
    ASSIGN_OR_RETURN(const int64_t id, DocumentId(context.database(), key));
    ASSIGN_OR_RETURN(std::optional<FileState> file, ReadFileState(context.database(), id));
    if (!file.has_value() || file->sha256 != sha256) {
      // Who wrote them is this process, which is about to record them; or it died before it did.
      if (is_start) return absl::OkStatus();
      ASSIGN_OR_RETURN(const auto intent, ReadFileIntent(context.database(), id));
      *is_known = intent.has_value() && intent->sha256 == sha256;
      return absl::OkStatus();
    }
    *is_known = true;
    file->version = version;
    return WriteFileState(context.database(), id, *file);
  };
  return store_.Commit(std::move(request)).ok() && *is_known;
}

void SourceSync::Import(const DocumentKey& key, const std::string& caller,
                        FileWatcher::Cause cause) {
  const bool is_requested = cause == FileWatcher::Cause::kRequested;
  if (!is_requested) ++file_checks_;
  absl::Status status;
  const absl::Status turn =
      turn_.Run([&] { status = ImportInTurn(key, caller, cause); }, kPatience, is_requested);
  status.Update(turn);
  MutexLock lock(&mutex_);
  last_status_[key] = status;
  if (turn.ok()) judged_.insert(key);
  if (!turn.ok() || absl::IsAborted(status)) again_.insert(key);
}

absl::Status SourceSync::ImportInTurn(const DocumentKey& key, const std::string& caller,
                                      FileWatcher::Cause cause) {
  const bool by_version = cause == FileWatcher::Cause::kVersion;
  if (by_version && (IsKnownVersion(key) || HasKnownBytes(key))) {
    importer_.OfferUnchanged(key);
    return absl::OkStatus();
  }
  for (int i = 0; i < kReadings; ++i) {
    const RootPtr root = store_.root();
    const DocumentState* state = root->Find(key);
    const bool is_first = state != nullptr && !state->known;
    const absl::StatusOr<SnapshotPtr> fetched =
        backends_.cache->Fetch(key, FetchMode::kBypassCaches);
    if (importer_.Offer(key, fetched, is_first ? caller : kFileCaller)) return fetched.status();
  }
  return absl::AbortedError("the file keeps changing while it is imported");
}

void SourceSync::OnPoll() {
  importer_.UpdateHeld();
  std::set<DocumentKey> again;
  {
    MutexLock lock(&mutex_);
    again.swap(again_);
  }
  for (const DocumentKey& key : importer_.LastingDamage()) again.insert(key);
  for (const DocumentKey& key : again) Import(key, kFileCaller, FileWatcher::Cause::kRequested);
}

absl::Status SourceSync::ImportDisplaced(const DocumentKey& key, const std::string& path) {
  DocumentForm form = options_.form;
  form.format = key.format;
  form.is_table = IsTableFile(backends_.file_paths->PathOf(key));
  return importer_.OfferDisplaced(key, ReadDocumentFile(path, form), path, kFileCaller);
}

absl::Status SourceSync::WhileNothingIsImported(const std::function<void()>& work) {
  return turn_.Run(work, kPatience, /*is_polite=*/false);
}

absl::Status SourceSync::RefreshHere(const DocumentKey& key) {
  absl::Status status;
  const auto read = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const SnapshotPtr snapshot,
                     backends_.cache->Fetch(key, FetchMode::kBypassCaches));
    return importer_.Take(key, snapshot, kFileCaller);
  };
  const auto import = [&] {
    status = read();
    for (int i = 1; i < kReadings && absl::IsAborted(status); ++i) status = read();
  };
  RETURN_IF_ERROR(turn_.Run(import, kPatience, /*is_polite=*/true));
  return status;
}

absl::Status SourceSync::Refresh(const DocumentKey& key) {
  struct Completion {
    Mutex mutex;
    CondVar changed;
    bool done ABSL_GUARDED_BY(mutex) = false;
  };
  auto completion = std::make_shared<Completion>();
  watcher_.Request(key, [completion] {
    MutexLock lock(&completion->mutex);
    completion->done = true;
    completion->changed.SignalAll();
  });
  {
    MutexLock lock(&completion->mutex);
    while (!completion->done) completion->changed.Wait(&completion->mutex);
  }
  MutexLock lock(&mutex_);
  const auto it = last_status_.find(key);
  return it == last_status_.end() ? absl::OkStatus() : it->second;
}

void SourceSync::MarkStale(const DocumentKey& key) {
  backends_.cache->MarkStale(key);
  watcher_.Request(key, nullptr);
}

}  // namespace modelref

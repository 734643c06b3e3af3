#include "service/store/source_sync.h"

#include <utility>

#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr char kAdoptCaller[] = "external:adopt";
constexpr char kFileCaller[] = "external:file";

FileWatcher::Options WatcherOptions(const std::vector<DocumentKey>& keys,
                                    const SourceSync::Options& options) {
  FileWatcher::Options watcher;
  watcher.keys = keys;
  watcher.poll_interval = options.poll_interval;
  watcher.settle_time = options.settle_time;
  return watcher;
}

}  // namespace

SourceSync::SourceSync(Store& store, Backends& backends, std::vector<DocumentKey> keys,
                       Clock& clock, const Options& options)
    : store_(store),
      backends_(backends),
      keys_(std::move(keys)),
      importer_(store),
      watcher_(WatcherOptions(keys_, options), *backends.file_paths, *backends.versions, clock,
               [this](const DocumentKey& key) { Import(key, kFileCaller); }) {
  backends_.cache->RegisterInvalidationCallback([this](const DocumentKey& key, StaleCause cause) {
    if (cause == StaleCause::kMarked) store_.SetFreshness(key, FreshnessCause::kMarked, "");
    if (cause == StaleCause::kTtl) store_.SetFreshness(key, FreshnessCause::kTtl, "");
  });
}

SourceSync::~SourceSync() { Stop(); }

absl::Status SourceSync::Start() {
  watcher_.TakeBaseline();
  for (const DocumentKey& key : keys_) Import(key, kAdoptCaller);
  return watcher_.Start();
}

void SourceSync::Stop() { watcher_.Stop(); }

void SourceSync::Import(const DocumentKey& key, const std::string& caller) {
  const absl::StatusOr<SnapshotPtr> fetched = backends_.cache->Fetch(key, FetchMode::kBypassCaches);
  importer_.Offer(key, fetched, caller);
  MutexLock lock(&mutex_);
  last_status_[key] = fetched.status();
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

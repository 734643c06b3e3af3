#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "backends/backends.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "service/store/file_watcher.h"
#include "service/store/import.h"
#include "service/store/store.h"

namespace modelref {

// Keeps a store equal to the files of its data directory: loads every document, then imports what
// changes. All imports run on one thread, so that an older state of a file never follows a newer
// one. Thread-safe.
class SourceSync {
 public:
  struct Options {
    absl::Duration poll_interval = absl::Seconds(1);
    absl::Duration settle_time = absl::Seconds(1);
  };

  // `backends` needs cache, versions and file_paths. All must outlive this.
  SourceSync(Store& store, Backends& backends, std::vector<DocumentKey> keys, Clock& clock,
             const Options& options);
  ~SourceSync();

  // Loads every document, then watches. A document that cannot be loaded is no error: reads of it
  // say so.
  absl::Status Start();
  void Stop();

  // Reads the document's source through every cache and imports it; returns when that is done, with
  // the outcome of the reading. Blocks: not for an RPC thread.
  absl::Status Refresh(const DocumentKey& key);
  // Marks the document stale, which watchers are told, and imports it anew in the background.
  void MarkStale(const DocumentKey& key);

  bool uses_inotify() const { return watcher_.uses_inotify(); }

 private:
  void Import(const DocumentKey& key, const std::string& caller);

  Store& store_;
  Backends& backends_;
  const std::vector<DocumentKey> keys_;
  SourceImporter importer_;
  FileWatcher watcher_;

  Mutex mutex_;
  std::map<DocumentKey, absl::Status> last_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

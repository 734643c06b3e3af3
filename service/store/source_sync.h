#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "backends/backends.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "backends/document_file.h"
#include "service/store/file_watcher.h"
#include "service/store/import.h"
#include "service/store/import_turn.h"
#include "service/store/store.h"

namespace modelref {

// Keeps a store equal to the files of its data directory: imports what they hold, then what
// changes. Files in their place are imported in turn, by whichever process, so that an older state
// of a file never follows a newer one. Thread-safe.
class SourceSync {
 public:
  struct Options {
    absl::Duration poll_interval = absl::Seconds(1);
    absl::Duration settle_time = absl::Seconds(1);
    // As SourceImporter::Options.
    absl::Duration damage_grace = absl::Seconds(10);
    absl::Duration recent = absl::Minutes(15);
    HeldRemovals held_removals;
    std::function<void(const DocumentKey&)> restore;
    // How the files of documents are read; format and form are theirs.
    DocumentForm form;
  };

  // `backends` needs cache, versions and file_paths. All must outlive this. What is held back is
  // kept in the folder "held" of the store's directory.
  SourceSync(Store& store, Backends& backends, std::vector<DocumentKey> keys, Clock& clock,
             const Options& options);
  ~SourceSync();

  // Imports every document whose file is not what the store knows, then watches. A document that
  // cannot be loaded is no error: reads of it say so.
  absl::Status Start();
  void Stop();

  // Reads the document's source through every cache and imports it; returns when that is done, with
  // the outcome of the reading. Blocks: not for an RPC thread.
  absl::Status Refresh(const DocumentKey& key);
  // The same on the caller's thread, for a process that does not watch: its watchers and readers
  // are not told what is wrong with the file, nobody here would notice that it was mended.
  absl::Status RefreshHere(const DocumentKey& key);
  // Marks the document stale, which watchers are told, and imports it anew in the background.
  void MarkStale(const DocumentKey& key);
  // Imports a file that a rewrite displaced, as it would have been in its place. Blocks. Errors as
  // SourceImporter::OfferDisplaced.
  absl::Status ImportDisplaced(const DocumentKey& key, const std::string& path);

  // Runs `work` while no file is read and imported in its place, by any process, so that what it
  // displaces is older than what is imported afterwards. ImportDisplaced may be called from it, no
  // other method. Errors as ImportTurn::Run: `work` did not run.
  absl::Status WhileNothingIsImported(const std::function<void()>& work);

  bool uses_inotify() const { return watcher_.uses_inotify(); }
  // How many times a file was looked at because something hinted at a change.
  uint64_t file_checks() const { return file_checks_; }

 private:
  SourceImporter::Options ImporterOptions() const;
  FileWatcher::Options WatcherOptions();
  // Whether the file has the version that the store last wrote or imported.
  bool IsKnownVersion(const DocumentKey& key);
  // Whether it has the bytes of then under another version, as after a restored backup; the store
  // knows the new version afterwards.
  bool HasKnownBytes(const DocumentKey& key);
  void Import(const DocumentKey& key, const std::string& caller, FileWatcher::Cause cause)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // In its turn. The outcome of the reading; ABORTED when the file keeps changing.
  absl::Status ImportInTurn(const DocumentKey& key, const std::string& caller,
                            FileWatcher::Cause cause);
  void OnPoll() ABSL_LOCKS_EXCLUDED(mutex_);

  Store& store_;
  Backends& backends_;
  const std::vector<DocumentKey> keys_;
  const Options options_;
  SourceImporter importer_;
  FileWatcher watcher_;
  std::atomic<uint64_t> file_checks_{0};
  std::atomic<bool> follows_{false};  // Between Start and Stop.

  ImportTurn turn_;
  Mutex mutex_;
  std::map<DocumentKey, absl::Status> last_status_ ABSL_GUARDED_BY(mutex_);
  std::set<DocumentKey> judged_ ABSL_GUARDED_BY(mutex_);  // At least once.
  std::set<DocumentKey> again_ ABSL_GUARDED_BY(mutex_);   // To be read with the next poll.
};

}  // namespace modelref

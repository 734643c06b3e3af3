#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "backends/base/mutex.h"
#include "service/store/event_projection.h"
#include "service/store/file_lock.h"
#include "service/store/file_writer.h"
#include "service/store/metadata_writer.h"

namespace modelref {

// Writes everything that is made from the store behind its commits: audit segments, category files
// and metadata files. Of all processes that have the directory open, the one that holds the
// projector's lock does so and imports hand edits; when it ends, however it does, another takes
// over. What fails is tried again and told by status(); no commit waits for it.
//
// One thread. Thread-safe.
class Projector {
 public:
  struct Options {
    FileWriter::Options files;
    MetadataWriter::Options metadata;
    EventProjection::Options events;
    // How soon the lock is taken over when its holder is gone.
    absl::Duration takeover_interval = absl::Milliseconds(100);
  };
  // Who imports the files, for as long as this process holds the lock. Each may be empty.
  struct Importer {
    std::function<absl::Status()> start;  // Imports what the files hold, then watches them.
    std::function<void()> stop;
    DisplacedFiles::Importer displaced;
    FileWriter::Alone alone;
  };
  struct Projection {
    std::string name;
    absl::Status failure;
    uint64_t position = 0;
    uint64_t failures = 0;
  };
  struct Status {
    bool is_holder = false;
    absl::Status election;  // Why the lock cannot be asked for, or the importer not be started.
    std::vector<Projection> projections;
    FileWriter::Statistics files;
    std::map<DocumentKey, absl::Status> file_failures;
    MetadataWriter::Statistics metadata;
    std::map<DocumentKey, absl::Status> metadata_failures;
  };

  struct Paths {
    const FilePaths& files;
    MetadataWriter::PathOf metadata;  // Null: no such files are written.
  };

  // `store` must be durable. It and `paths.files` must outlive the projector.
  Projector(Store& store, Paths paths, std::vector<EventProjection::Parts> projections,
            Importer importer, const Options& options);
  ~Projector();
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;

  // Asks for the lock once. When this process gets it, the importer is started before this returns,
  // and its error is returned. Then begins the thread. Errors as FileLock.
  absl::Status Start();
  // Ends the importer, writes everything that waits and gives the lock back. Without the lock, and
  // as long as others commit meanwhile, it asks for the lock once more and does the same: when all
  // processes have stopped, everything is written. Returns the first error of the writing; what is
  // not written is written by the next holder.
  absl::Status Stop();

  // Writes everything that waits now, and waits for it.
  //   FAILED_PRECONDITION  another process holds the lock.
  //   otherwise the first error of the writing.
  absl::Status Settle() ABSL_LOCKS_EXCLUDED(mutex_);
  // Has the file of the document written soon, whatever stands there. Nothing in another process.
  void RestoreFile(const DocumentKey& key);

  bool is_holder() const { return is_holder_; }
  Status status() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What listeners of the store, which cannot be removed, may touch for ever.
  struct Signal {
    Mutex mutex;
    CondVar changed;
    bool woken ABSL_GUARDED_BY(mutex) = false;
    bool stopping ABSL_GUARDED_BY(mutex) = false;
  };

  void Run();
  // Waits until something happened or `until`; false when the projector stops.
  bool WaitUntil(absl::Time until);
  void Wake();
  // Asks for the lock. True when this process holds it, and does all that this means.
  absl::StatusOr<bool> TryElection();
  // True when this process has the lock; then what others left is judged.
  absl::StatusOr<bool> TryLock();
  // Why this process must not hold the lock any more: others may not see that it does, or nothing
  // can be committed.
  absl::Status CheckHold() const;
  void GiveUp(const absl::Status& why);
  absl::Status SettleLast();
  absl::Time Work(absl::Time now);
  absl::Status SettleNow(absl::Time now);
  // The newest call of Settle that waits; 0 when none does.
  uint64_t NewestSettler() const;
  void AnswerSettlers(uint64_t ticket, const absl::Status& status);
  void PublishStatus();

  Store& store_;
  const Options options_;
  const Importer importer_;
  std::vector<std::unique_ptr<EventProjection>> projections_;
  FileWriter files_;
  MetadataWriter metadata_;
  std::optional<FileLock> lock_;
  std::atomic<bool> is_holder_{false};
  const std::shared_ptr<Signal> signal_;

  mutable Mutex mutex_;
  CondVar settled_;
  uint64_t settles_asked_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t settles_done_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status settle_status_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status election_ ABSL_GUARDED_BY(mutex_);
  std::vector<Projection> published_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace modelref

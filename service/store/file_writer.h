#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "backends/base/durable_file.h"
#include "backends/base/mutex.h"
#include "service/store/displaced_files.h"
#include "service/store/document_render.h"
#include "service/store/file_base.h"
#include "service/store/store.h"

namespace modelref {

// Keeps the public files of the documents equal to what was committed, a while behind it, so that
// the programs of the original can read them. At every instant a whole file stands at each path,
// and what somebody else wrote there meanwhile is kept and imported.
//
// One thread drives it, which may block on files; Restore and the getters are thread-safe. Times
// are those of a steady clock.
class FileWriter {
 public:
  struct Options {
    // A file is written this long after its first unwritten commit, or `pace` times as long after
    // it as its last rewrite took, whichever is later, and at the latest after `max_delay`.
    absl::Duration delay = absl::Milliseconds(200);
    double pace = 20;
    absl::Duration max_delay = absl::Minutes(5);
    // Between attempts at a file that cannot be written: doubles from the first to the second.
    absl::Duration first_retry = absl::Seconds(1);
    absl::Duration last_retry = absl::Seconds(30);
    // The largest table whose layout is kept, in bytes.
    uint64_t document_bytes = uint64_t{512} << 20;
  };

  struct Statistics {
    uint64_t rewrites = 0;
    uint64_t failures = 0;
    uint64_t written_bytes = 0;
    uint64_t displaced = 0;  // Files of others that a rewrite found in its place.
    uint64_t waiting = 0;    // Documents whose file is older than the document now.
  };

  // Runs its argument while nobody imports files in their places; an error when it could not.
  using Alone = std::function<absl::Status(const std::function<void()>&)>;

  // What others wrote is kept in the folder `held` of the store's directory and given to
  // `importer`, before a newer file is imported: `alone` sees to that, and may be empty. All must
  // outlive the writer.
  FileWriter(Store& store, const FilePaths& paths, const Options& options,
             DisplacedFiles::Importer importer, Alone alone = nullptr);

  // Judges what a dead process left in the folders of the files. Documents whose file lags are due
  // with the next Step.
  void Recover();
  // Writes what is due and returns when to come again; InfiniteFuture when nothing waits.
  absl::Time Step(absl::Time now);
  // Writes everything that waits, due or not. The first error; the others are in failures().
  absl::Status Settle(absl::Time now);
  // Has the file of the document written with the next Step, whatever stands there.
  void Restore(const DocumentKey& key) ABSL_LOCKS_EXCLUDED(mutex_);

  Statistics statistics() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The documents whose file cannot be written now, and why.
  std::map<DocumentKey, absl::Status> failures() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // A document whose file is to be written.
  struct Pending {
    absl::Time since;
    absl::Time retry_at = absl::InfinitePast();
    absl::Duration retry_after;
  };
  // Brings `pending_` up to date with the database.
  absl::Status FindLagging(absl::Time now);
  absl::Time DueTime(const DocumentKey& key, const Pending& pending) const;
  // Writes one file, and notes the outcome.
  absl::Status Attempt(const DocumentKey& key, absl::Time now);
  absl::Status Write(const DocumentKey& key);
  // Whether nothing was imported from the file since.
  bool IsStill(const KnownFile& known);
  absl::Status NoteIntent(int64_t document, const FileIntent& intent);
  // Puts the bytes in place, which are of a revision of the store, and takes what stood there.
  // Returns the version of the file.
  absl::StatusOr<FileVersion> Exchange(const DocumentKey& key, const std::string& path,
                                       const RenderedFile& file, uint64_t revision);
  // Write(), with a note of how long it took.
  absl::Status WriteTimed(const DocumentKey& key);
  // Exchange() while nobody imports. ABORTED when something was imported from the file since
  // `known`.
  absl::StatusOr<FileVersion> ExchangeAlone(const DocumentKey& key, const KnownFile& known,
                                            const std::string& path, const RenderedFile& file,
                                            uint64_t revision);
  absl::StatusOr<RenderedFile> Render(const DocumentState& state, const std::string& path) const;
  // Writes down what stands in place now.
  absl::Status Record(const DocumentKey& key, int64_t document, const FileState& file,
                      const Document& written);

  Store& store_;
  const FilePaths& paths_;
  const Options options_;
  const Alone alone_;
  DisplacedFiles displaced_;
  std::map<DocumentKey, Pending> pending_;
  std::map<DocumentKey, absl::Duration> last_durations_;
  absl::Duration waited_;  // Of the present write: for other processes, which paces nothing.

  mutable Mutex mutex_;
  std::vector<DocumentKey> restores_ ABSL_GUARDED_BY(mutex_);
  Statistics statistics_ ABSL_GUARDED_BY(mutex_);
  std::map<DocumentKey, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/base/durable_file.h"
#include "backends/base/mutex.h"
#include "service/store/store.h"

namespace modelref {

// Keeps the original's metadata files equal to the metadata of the documents, a while behind it.
// The store is the truth: a file that somebody else changed or removed is noticed by its version
// and written again. One that says the same in another form is left alone, and while the document
// has as many models as before one that counts none, as the original's do; so is one of a document
// without metadata. No temporary file stays.
//
// One thread drives it, which may block on files; the getters are thread-safe. Times are those of a
// steady clock.
class MetadataWriter {
 public:
  struct Options {
    // A file is written this long after its first unwritten change, or `pace` times as long after
    // it as its last write took, whichever is later.
    absl::Duration delay = absl::Milliseconds(200);
    double pace = 20;
    // How often files are looked at for what others did to them.
    absl::Duration poll_interval = absl::Seconds(5);
    // Between attempts at a file that cannot be written: doubles from the first to the second.
    absl::Duration first_retry = absl::Seconds(1);
    absl::Duration last_retry = absl::Seconds(30);
  };
  struct Statistics {
    uint64_t writes = 0;
    uint64_t failures = 0;
    uint64_t overruled = 0;  // Files that others had changed.
  };
  using PathOf = std::function<std::string(const DocumentKey&)>;

  // `store` must outlive the writer. `path_of` may be null: nothing is written then.
  MetadataWriter(Store& store, PathOf path_of, const Options& options);

  // Removes what a dead process left beside the files.
  void Recover();
  // Writes what is due and returns when to come again; InfiniteFuture without any metadata.
  absl::Time Step(absl::Time now);
  // Looks at every file and writes those that differ, due or not. The first error; the others are
  // in failures().
  absl::Status Settle(absl::Time now);

  Statistics statistics() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The documents whose file cannot be written now, and why.
  std::map<DocumentKey, absl::Status> failures() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What is known of one file.
  struct File {
    CategoryMetadataPtr shown;  // What it says; null when that is not known, or not ours.
    uint64_t models = 0;        // How many it tells of, or there were when it told of none.
    uint64_t counted = 0;       // The mod_revision at which the document had so many.
    FileVersion version;
    absl::Time look_at = absl::InfinitePast();
    std::optional<absl::Time> since;  // Since when it is behind.
    absl::Time retry_at = absl::InfinitePast();
    absl::Duration retry_after;
    absl::Duration last_write;
  };
  // Notices what others did to the file.
  void Look(const DocumentState& state, File* file);
  // True when the file is behind the state.
  static bool IsBehind(const DocumentState& state, File* file);
  static void NoteModels(const DocumentState& state, uint64_t told, File* file);
  absl::Time DueTime(const File& file) const;
  absl::Status Write(const DocumentState& state, absl::Time now, File* file);
  absl::Status WriteBytes(const DocumentState& state, const std::string& path);
  void Note(const DocumentKey& key, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  Store& store_;
  const PathOf path_of_;
  const Options options_;
  std::map<DocumentKey, File> files_;

  mutable Mutex mutex_;
  Statistics statistics_ ABSL_GUARDED_BY(mutex_);
  std::map<DocumentKey, absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

#pragma once

// Writing what a mirror shows to its folder. Internal to clients/cpp.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/base/mutex.h"
#include "clients/cpp/mirror_directory.h"

namespace modelref {

// A document that was written to the folder, or removed from it.
struct MirrorSaved {
  DocumentKey key;
  std::optional<MirrorManifestEntry> entry;  // None: removed.
};

// Writes on a thread of its own: a document 200 ms after it changed, or 20 times as long after it
// was written last as that took (at most 5 min), the manifest after the documents. What changes
// more often is written once. A folder that another process keeps is tried again every 30 s, and
// not written until then; what that process left and is newer stays. Thread-safe.
class MirrorSaver {
 public:
  // What is shown, for the next manifest.
  struct State {
    std::string epoch;
    uint64_t revision = 0;
    absl::Time confirmed = absl::InfinitePast();  // By the wall clock.
    std::vector<MirrorCopyPtr> shown;
  };
  struct Options {
    std::string path;
    std::function<State()> state;
    // Both run on the saver's thread, or on that of Flush(), and must not call the saver.
    std::function<void(const MirrorSaved&)> on_saved;
    std::function<void(const absl::Status&)> on_problem;
  };

  // `directory` null: another process keeps the folder. `held` are the valid files.
  MirrorSaver(Options options, std::unique_ptr<MirrorDirectory> directory,
              const std::vector<MirrorManifestEntry>& held);
  // Writes what is left, and the manifest.
  ~MirrorSaver();
  MirrorSaver(const MirrorSaver&) = delete;
  MirrorSaver& operator=(const MirrorSaver&) = delete;

  void Save(MirrorCopyPtr copy) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(const DocumentKey& key) ABSL_LOCKS_EXCLUDED(mutex_);
  // Writes everything that waits, and the manifest. ABORTED (`COPY_IN_USE`) while another process
  // keeps the folder; otherwise the first error.
  absl::Status Flush() ABSL_LOCKS_EXCLUDED(mutex_, writing_);
  bool writable() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Why the last attempt to write failed; OK: it did not.
  absl::Status last_error() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiting {
    MirrorCopyPtr copy;  // Null: to be removed.
    absl::Time not_before;
  };
  using Work = std::map<DocumentKey, MirrorCopyPtr>;

  void Put(const DocumentKey& key, MirrorCopyPtr copy) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run() ABSL_LOCKS_EXCLUDED(mutex_, writing_);
  // What is due at `now`, taken out of waiting_.
  Work TakeDue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time NextDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(Work work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status WriteOne(const DocumentKey& key, const MirrorCopyPtr& copy)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_) ABSL_LOCKS_EXCLUDED(mutex_);
  static bool IsNewer(const MirrorManifestEntry& file, absl::string_view epoch, uint64_t revision);
  absl::Status WriteManifest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);
  absl::Status OpenDirectory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);
  void Report(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  Mutex writing_;  // Before mutex_.
  std::unique_ptr<MirrorDirectory> directory_ ABSL_GUARDED_BY(writing_);
  std::map<DocumentKey, MirrorManifestEntry> files_ ABSL_GUARDED_BY(writing_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<DocumentKey, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<DocumentKey, absl::Time> earliest_ ABSL_GUARDED_BY(mutex_);  // By the last write.
  absl::Time manifest_at_ ABSL_GUARDED_BY(mutex_);
  bool writable_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace modelref

#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/base/mutex.h"

namespace modelref {

// Under the folder of a store: the lock file of an ImportTurn.
inline constexpr char kImportLockFile[] = "/import.lock";

// From the look at a document's file until what it holds is committed, and while a rewrite takes
// its place, one thread at a time of all processes that have the store open: nothing older is
// imported after something newer, and nothing is displaced that is just being imported.
// Thread-safe.
class ImportTurn {
 public:
  // How soon whoever was asked for ceaselessly asks again, so that others get their turn.
  static constexpr absl::Duration kPause = absl::Milliseconds(3);

  // `path`: of the lock file, which is made when missing. Empty: there is one process only.
  explicit ImportTurn(std::string path) : path_(std::move(path)) {}

  // Runs `work` in its turn. Waits for threads of this process for as long as it takes, for other
  // processes at most `patience`. `is_polite`: leaves a pause after the turn before.
  //   UNAVAILABLE  another process did not end its turn: `work` did not run.
  //   otherwise as FileLock: it did not run either.
  absl::Status Run(const std::function<void()>& work, absl::Duration patience, bool is_polite)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::string path_;
  Mutex mutex_;
  absl::Time ended_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();  // Of the monotonic clock.
};

}  // namespace modelref

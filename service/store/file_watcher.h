#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"

namespace modelref {

// Notices changes of the files that documents come from: by inotify at once where the system has
// it, and by a poll of their version everywhere. A file is judged when its writer closes it or
// moves it into place, and otherwise after it has not changed for a while.
//
// One thread, which also runs the callbacks: nothing is reported twice at the same time. Stop() or
// the destructor ends it; both wait for a running callback.
class FileWatcher {
 public:
  struct Options {
    std::vector<DocumentKey> keys;
    absl::Duration poll_interval = absl::Seconds(1);
    absl::Duration settle_time = absl::Seconds(1);
    std::function<void()> on_poll;  // Runs with each poll, on the watcher's thread; may be empty.
  };

  // Why a file is to be judged, the later the weightier.
  enum class Cause {
    kVersion,    // It has another version.
    kClosed,     // A writer closed it: it may hold something else under the same version.
    kRequested,  // By Request.
  };
  // Called with a document whose file may have changed, to read it.
  using Judge = std::function<void(const DocumentKey&, Cause)>;

  // `paths` and `versions` must outlive the watcher.
  FileWatcher(Options options, FilePaths& paths, VersionProbe& versions, Clock& clock, Judge judge);
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  // Takes the present versions as judged, and listens from here on: call it before the documents
  // are read for the first time.
  void TakeBaseline();
  // Begins to watch, also after a Stop. OK also without inotify, which is logged.
  absl::Status Start();
  void Stop();
  // Judges the document soon, whether its file changed or not, and then calls `done` (which may be
  // empty) on the watcher's thread; when the watcher stops first, on the thread that stops it.
  // Thread-safe.
  void Request(const DocumentKey& key, std::function<void()> done);
  // True when changes are noticed at once and not only by the poll. Thread-safe.
  bool uses_inotify() const { return inotify_active_; }

 private:
  struct Watched {
    std::string judged_version;
    std::string
        seen_version;  // Of the last look; differs from judged_version while the file settles.
    absl::Time seen_since;
  };

  using Due = std::map<DocumentKey, Cause>;

  void Run();
  void Listen();
  void WatchFolders();
  // Adds the documents of closed or moved files to `due`.
  void ReadInotify(Due* due);
  struct JudgeRequest {
    DocumentKey key;
    std::function<void()> done;
  };

  std::vector<JudgeRequest> TakeRequests();
  void Poll(Due* due);
  std::string VersionOf(const DocumentKey& key);
  void JudgeNow(const DocumentKey& key, Cause cause);

  const Options options_;
  FilePaths& paths_;
  VersionProbe& versions_;
  Clock& clock_;
  const Judge judge_;

  int inotify_fd_ = -1;
  int wake_fd_ = -1;
  std::atomic<bool> inotify_active_{false};
  std::atomic<bool> stopping_{false};
  std::map<int, std::string> folders_;  // By inotify watch.
  std::map<DocumentKey, Watched> watched_;

  Mutex requests_mutex_;
  std::vector<JudgeRequest> requests_ ABSL_GUARDED_BY(requests_mutex_);
  bool closed_ ABSL_GUARDED_BY(requests_mutex_) = false;  // Nobody takes requests any more.
  std::thread thread_;
};

}  // namespace modelref

#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "absl/time/time.h"

namespace modelref {

// Says soon after somebody wrote to the database of a directory, this process included: by the file
// events of its write-ahead log where the system has them, and by the clock everywhere. One thread.
class CommitWatch {
 public:
  // `look` runs on the watch's thread and must be cheap: it runs often.
  CommitWatch(std::string directory, absl::Duration interval, std::function<void()> look);
  ~CommitWatch();
  CommitWatch(const CommitWatch&) = delete;
  CommitWatch& operator=(const CommitWatch&) = delete;

 private:
  void Run();
  // True when the log was written since the last call.
  bool ReadEvents();

  const std::string directory_;
  const absl::Duration interval_;
  const std::function<void()> look_;
  int inotify_fd_ = -1;
  int wake_fd_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace modelref

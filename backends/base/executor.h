#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "backends/base/mutex.h"

namespace modelref {

// A fixed number of threads and a bounded queue, for work that may block: files, databases, slow
// conversions. Tasks start in the order they came. Thread-safe.
class Executor {
 public:
  struct Options {
    size_t threads = 4;
    size_t queue_limit = 1024;  // Waiting tasks; running ones do not count.
  };

  explicit Executor(const Options& options);
  // Shuts down.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  //   RESOURCE_EXHAUSTED OVERLOADED   the queue is full; RetryInfo says when to come again.
  //   UNAVAILABLE SHUTTING_DOWN       Shutdown() was called.
  // A task that is refused is destroyed, not run.
  absl::Status Submit(std::function<void()> task);

  // Lets running tasks finish, destroys waiting ones without running them, joins the threads.
  // Idempotent; not to be called from a task.
  void Shutdown();

  size_t queued() const;

 private:
  void Work();

  const size_t queue_limit_;
  mutable Mutex mutex_;
  CondVar work_available_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace modelref

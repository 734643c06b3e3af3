#include "backends/base/executor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"

namespace modelref {

Executor::Executor(const Options& options) : queue_limit_(options.queue_limit) {
  const size_t count = std::max<size_t>(1, options.threads);
  threads_.reserve(count);
  for (size_t i = 0; i < count; ++i) threads_.emplace_back([this] { Work(); });
}

Executor::~Executor() { Shutdown(); }

absl::Status Executor::Submit(std::function<void()> task) {
  MutexLock lock(&mutex_);
  if (stopping_) {
    return Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the server is shutting down");
  }
  if (tasks_.size() >= queue_limit_) {
    ErrorExtras extras;
    extras.retry_after = absl::Seconds(1);
    return Error(absl::StatusCode::kResourceExhausted, "OVERLOADED",
                 absl::StrCat("all ", queue_limit_, " places for blocking work are taken"),
                 std::move(extras));
  }
  tasks_.push_back(std::move(task));
  work_available_.Signal();
  return absl::OkStatus();
}

void Executor::Shutdown() {
  std::deque<std::function<void()>> dropped;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
    work_available_.SignalAll();
  }
  // Before the running tasks are awaited: whoever waits for a dropped one learns of it now.
  dropped.clear();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

size_t Executor::queued() const {
  MutexLock lock(&mutex_);
  return tasks_.size();
}

void Executor::Work() {
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(&mutex_);
      while (tasks_.empty() && !stopping_) work_available_.Wait(&mutex_);
      if (stopping_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace modelref

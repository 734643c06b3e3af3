#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"

namespace modelref {

// Work that has to happen on a queue's thread.
class QueueTask {
 public:
  virtual ~QueueTask() = default;
  virtual void RunOnQueue() = 0;
};

// How other threads reach a queue's thread. The first post after a Take() sets one alarm, which
// completes with the tag at once; further posts only push. Thread-safe; outlives its queue.
class Mailbox {
 public:
  // `queue` must live until Close().
  Mailbox(grpc::CompletionQueue* queue, void* tag) : queue_(queue), tag_(tag) {}

  // Drops the task when the mailbox is closed.
  void Post(std::shared_ptr<QueueTask> task);

  // On the queue's thread, once for each completion of the tag.
  std::vector<std::shared_ptr<QueueTask>> Take();

  // After this nothing touches the queue; the tag may complete once more.
  void Close();

  // The server stops: answers that never come are no bug any more.
  void SetStopping() { stopping_.store(true, std::memory_order_relaxed); }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

 private:
  grpc::CompletionQueue* const queue_;
  void* const tag_;
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  bool armed_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<QueueTask>> tasks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

#include "service/rpc/mailbox.h"

#include <grpc/support/time.h>

#include <utility>

namespace modelref {

void Mailbox::Post(std::shared_ptr<QueueTask> task) {
  MutexLock lock(&mutex_);
  if (closed_) return;
  tasks_.push_back(std::move(task));
  if (armed_) return;
  armed_ = true;
  // Under the lock, so that Close() cannot come between and the queue end before the alarm is set.
  alarm_.Set(queue_, gpr_time_0(GPR_CLOCK_MONOTONIC), tag_);
}

std::vector<std::shared_ptr<QueueTask>> Mailbox::Take() {
  MutexLock lock(&mutex_);
  armed_ = false;
  return std::exchange(tasks_, {});
}

void Mailbox::Close() {
  std::vector<std::shared_ptr<QueueTask>> dropped;  // Destroyed after the lock is released.
  MutexLock lock(&mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

}  // namespace modelref

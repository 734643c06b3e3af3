#pragma once

#include <atomic>
#include <memory>

#include "service/rpc/mailbox.h"

namespace modelref {

// Who is woken. Single-threaded: the queue's.
class WakeReceiver {
 public:
  virtual ~WakeReceiver() = default;
  virtual void OnWake() = 0;
};

// What a Waker points to: brings wakes from any thread to the stream's queue, at most one under
// way.
class WakeTarget final : public QueueTask, public std::enable_shared_from_this<WakeTarget> {
 public:
  WakeTarget(std::shared_ptr<Mailbox> mailbox, WakeReceiver* receiver)
      : mailbox_(std::move(mailbox)), receiver_(receiver) {}

  void Wake() {
    if (!queued_.exchange(true, std::memory_order_acq_rel)) mailbox_->Post(shared_from_this());
  }

  // On the queue's thread: the stream is gone.
  void Detach() { receiver_ = nullptr; }
  void RunOnQueue() override {
    // Before the receiver looks, so that what changes while it looks wakes it again.
    queued_.exchange(false, std::memory_order_acq_rel);
    if (receiver_ != nullptr) receiver_->OnWake();
  }

 private:
  const std::shared_ptr<Mailbox> mailbox_;
  WakeReceiver* receiver_;  // Touched on the queue's thread only.
  std::atomic<bool> queued_{false};
};

}  // namespace modelref

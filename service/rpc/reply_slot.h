#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "backends/base/mutex.h"
#include "service/rpc/mailbox.h"

namespace modelref {

// Who waits for a deferred answer. Single-threaded: the queue's.
class ReplyReceiver {
 public:
  virtual ~ReplyReceiver() = default;
  virtual void OnReply(absl::StatusOr<grpc::ByteBuffer> answer) = 0;
};

// Carries the answer of a deferred call from any thread to the call's queue. Thread-safe but for
// Detach().
class ReplySlot final : public QueueTask, public std::enable_shared_from_this<ReplySlot> {
 public:
  ReplySlot(std::shared_ptr<Mailbox> mailbox, ReplyReceiver* receiver)
      : mailbox_(std::move(mailbox)), receiver_(receiver) {}

  // The first answer counts.
  void Send(absl::StatusOr<grpc::ByteBuffer> answer);
  // The answer of those who never gave one.
  void SendUnanswered();

  void MarkCancelled() { cancelled_.store(true, std::memory_order_release); }
  bool IsCancelled() const { return cancelled_.load(std::memory_order_acquire); }

  // On the queue's thread: the receiver is gone.
  void Detach() { receiver_ = nullptr; }
  void RunOnQueue() override;

 private:
  const std::shared_ptr<Mailbox> mailbox_;
  ReplyReceiver* receiver_;  // Touched on the queue's thread only.
  std::atomic<bool> cancelled_{false};
  Mutex mutex_;
  bool sent_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::StatusOr<grpc::ByteBuffer>> answer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

#include "service/rpc/reply.h"

#include <utility>

#include "backends/base/error.h"
#include "service/rpc/reply_slot.h"

namespace modelref {

void ReplySlot::Send(absl::StatusOr<grpc::ByteBuffer> answer) {
  {
    MutexLock lock(&mutex_);
    if (sent_) return;
    sent_ = true;
    answer_.emplace(std::move(answer));
  }
  mailbox_->Post(shared_from_this());
}

void ReplySlot::SendUnanswered() {
  if (mailbox_->stopping()) {
    Send(Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "the server is shutting down"));
  } else {
    Send(Error(absl::StatusCode::kInternal, "UNANSWERED", "the handler gave no answer"));
  }
}

void ReplySlot::RunOnQueue() {
  std::optional<absl::StatusOr<grpc::ByteBuffer>> answer;
  {
    MutexLock lock(&mutex_);
    answer.swap(answer_);
  }
  if (receiver_ != nullptr && answer.has_value()) receiver_->OnReply(*std::move(answer));
}

// Shared by the copies of one RawReply; goes with the last of them.
class RawReply::Owed {
 public:
  explicit Owed(std::shared_ptr<ReplySlot> slot) : slot_(std::move(slot)) {}
  ~Owed() { slot_->SendUnanswered(); }
  Owed(const Owed&) = delete;
  Owed& operator=(const Owed&) = delete;

  ReplySlot& slot() const { return *slot_; }

 private:
  const std::shared_ptr<ReplySlot> slot_;
};

RawReply::RawReply(std::shared_ptr<ReplySlot> slot)
    : owed_(std::make_shared<Owed>(std::move(slot))) {}

void RawReply::Send(absl::StatusOr<grpc::ByteBuffer> answer) const {
  owed_->slot().Send(std::move(answer));
}

bool RawReply::IsCancelled() const { return owed_->slot().IsCancelled(); }

}  // namespace modelref

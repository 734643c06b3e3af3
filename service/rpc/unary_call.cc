#include "service/rpc/unary_call.h"

#include <utility>

#include "backends/base/error.h"
#include "service/rpc/gzip.h"

namespace modelref {

void UnaryCall::Post(Method* method, ServerState* state, Queue* queue) {
  auto* const call = new UnaryCall(method, state, queue);
  state->service.RequestUnary(method->index, &call->grpc_context_, &call->request_, &call->writer_,
                              queue->completion_queue(), &call->begun_tag_);
}

UnaryCall::UnaryCall(Method* method, ServerState* state, Queue* queue)
    : Call(method, state, queue) {
  grpc_context_.AsyncNotifyWhenDone(&done_tag_);
}

UnaryCall::~UnaryCall() {
  if (reply_slot_ != nullptr) reply_slot_->Detach();
}

void UnaryCall::OnBegun(bool ok) {
  if (!ok) {
    // The server shuts down; the done tag never comes for a call that did not begin.
    delete this;
    return;
  }
  Post(method_, state_, queue_);
  Begin();
  Admit();
}

void UnaryCall::OnAdmitted(absl::Status status) {
  if (!status.ok()) return AnswerWithError(status);
  const UnaryOutcome outcome = method_->entry->unary(*context_, request_, *this);
  request_.Clear();
  if (outcome.has_value()) return Answer(*outcome);
  if (const auto shared = std::move(shared_)) AnswerWith(*shared);
}

void UnaryCall::Share(std::shared_ptr<const grpc::ByteBuffer> answer) {
  shared_ = std::move(answer);
}

RawReply UnaryCall::Defer() {
  ReplyReceiver* const receiver = this;
  reply_slot_ = std::make_shared<ReplySlot>(queue_->mailbox(), receiver);
  return RawReply(reply_slot_);
}

void UnaryCall::RunBlocking(std::function<absl::StatusOr<grpc::ByteBuffer>()> body) {
  executing_ = true;
  // Held here too, so that a refused task does not count as one that gave no answer.
  const RawReply reply = Defer();
  const absl::Status submitted = state_->executor->Submit([reply, body = std::move(body)] {
    if (reply.IsCancelled()) {
      reply.Send(absl::CancelledError("the caller left before its turn came"));
    } else {
      reply.Send(body());
    }
  });
  if (!submitted.ok()) reply.Send(submitted);
}

void UnaryCall::OnReply(absl::StatusOr<grpc::ByteBuffer> answer) {
  executing_ = false;
  Answer(answer);
}

void UnaryCall::Answer(const absl::StatusOr<grpc::ByteBuffer>& answer) {
  if (!answer.ok()) return AnswerWithError(answer.status());
  AnswerWith(*answer);
}

void UnaryCall::AnswerWith(const grpc::ByteBuffer& message) {
  if (grpc_done_) return DeleteIfOver();
  if (const absl::Status fits = CheckSize(message); !fits.ok()) return AnswerWithError(fits);
  if (IsGzip(message)) grpc_context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  sending_ = true;
  SendReply(message, &writer_, &sent_tag_);
}

void UnaryCall::AnswerWithError(const absl::Status& error) {
  if (grpc_done_) return DeleteIfOver();
  sending_ = true;
  SendError(error, &writer_, &sent_tag_);
}

void UnaryCall::OnSent(bool) {
  sending_ = false;
  SendEnded();
  DeleteIfOver();
}

void UnaryCall::OnDone(bool) {
  if (OnGrpcDone() && reply_slot_ != nullptr) reply_slot_->MarkCancelled();
  DeleteIfOver();
}

void UnaryCall::DeleteIfOver() {
  if (grpc_done_ && !sending_ && !executing_) delete this;
}

}  // namespace modelref

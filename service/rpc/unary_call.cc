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
  if (!status.ok()) return Answer(std::move(status));
  UnaryOutcome outcome = method_->entry->unary(*context_, request_, *this);
  request_.Clear();
  if (outcome.has_value()) Answer(*std::move(outcome));
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
  Answer(std::move(answer));
}

void UnaryCall::Answer(absl::StatusOr<grpc::ByteBuffer> answer) {
  if (grpc_done_) return DeleteIfOver();
  if (answer.ok()) {
    if (absl::Status fits = CheckSize(*answer); !fits.ok()) answer = std::move(fits);
  }
  if (answer.ok() && IsGzip(*answer)) {
    grpc_context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  }
  sending_ = true;
  SendAnswer(answer, &writer_, &sent_tag_);
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

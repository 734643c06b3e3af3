#include "service/rpc/upload_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"

namespace modelref {

void UploadCall::Post(Method* method, ServerState* state, Queue* queue) {
  auto* const call = new UploadCall(method, state, queue);
  state->service.RequestUpload(method->index, &call->grpc_context_, &call->reader_,
                               queue->completion_queue(), &call->begun_tag_);
}

UploadCall::UploadCall(Method* method, ServerState* state, Queue* queue)
    : Call(method, state, queue) {
  grpc_context_.AsyncNotifyWhenDone(&done_tag_);
}

UploadCall::~UploadCall() { CloseSink(); }

void UploadCall::OnBegun(bool ok) {
  if (!ok) {
    // The server shuts down; the done tag never comes for a call that did not begin.
    delete this;
    return;
  }
  Post(method_, state_, queue_);
  Begin();
  Admit();
}

void UploadCall::OnAdmitted(absl::Status status) {
  if (status.ok()) status = Open();
  if (!status.ok()) return Answer(std::move(status));
  ReadNext();
}

absl::Status UploadCall::Open() {
  if (state_->memory_short.load(std::memory_order_relaxed)) {
    state_->memory_refusals.fetch_add(1, std::memory_order_relaxed);
    ErrorExtras extras;
    extras.retry_after = absl::Seconds(10);
    return Error(absl::StatusCode::kResourceExhausted, "MEMORY_LIMIT",
                 "the server uses all the memory it may", std::move(extras));
  }
  auto sink = method_->entry->upload(*context_);
  if (!sink.ok()) return sink.status();
  sink_ = *std::move(sink);
  return absl::OkStatus();
}

void UploadCall::ReadNext() {
  reading_ = true;
  queue_->timers().Set(
      this, SteadyClock::now() + absl::ToChronoNanoseconds(options().upload_stalled_after));
  reader_.Read(&request_, &read_tag_);
}

void UploadCall::OnTimer(SteadyTime) {
  Answer(Error(
      absl::StatusCode::kAborted, "UPLOAD_STALLED",
      absl::StrCat("nothing was sent for ", absl::FormatDuration(options().upload_stalled_after),
                   "; nothing was changed")));
}

void UploadCall::OnRead(bool ok) {
  reading_ = false;
  queue_->timers().Cancel(this);
  if (grpc_done_ || answered_) return DeleteIfOver();
  ended_ = !ok;
  // Also behind the last message: nothing is changed for a caller whose right has ended.
  AskForRight();
}

void UploadCall::OnReviewed(absl::Status right) {
  if (!right.ok()) {
    state_->streams_revoked.fetch_add(1, std::memory_order_relaxed);
    return Answer(std::move(right));
  }
  if (ended_) return Execute([sink = sink_](const RawReply& reply) { sink->Finish(reply); });
  method_->counters.Received(request_.Length());
  Execute([sink = sink_, this](const RawReply& reply) {
    const absl::Status taken = sink->Take(request_);
    reply.Send(taken.ok() ? absl::StatusOr<grpc::ByteBuffer>(grpc::ByteBuffer()) : taken);
  });
}

void UploadCall::Execute(std::function<void(const RawReply&)> work) {
  executing_ = true;
  ReplyReceiver* const receiver = this;
  reply_slot_ = std::make_shared<ReplySlot>(queue_->mailbox(), receiver);
  const RawReply reply(reply_slot_);
  const absl::Status submitted =
      state_->executor->Submit([reply, work = std::move(work)] { work(reply); });
  if (!submitted.ok()) reply.Send(submitted);
}

void UploadCall::OnReply(absl::StatusOr<grpc::ByteBuffer> answer) {
  executing_ = false;
  if (grpc_done_) return DeleteIfOver();
  if (ended_ || !answer.ok()) return Answer(std::move(answer));
  request_.Clear();
  ReadNext();
}

void UploadCall::Answer(absl::StatusOr<grpc::ByteBuffer> answer) {
  queue_->timers().Cancel(this);
  if (grpc_done_) return DeleteIfOver();
  answered_ = true;
  sending_ = true;
  if (!answer.ok()) return SendError(answer.status(), &reader_, &sent_tag_);
  SendReply(*answer, &reader_, &sent_tag_);
}

void UploadCall::OnSent(bool) {
  sending_ = false;
  SendEnded();
  DeleteIfOver();
}

void UploadCall::OnDone(bool) {
  if (OnGrpcDone() && reply_slot_ != nullptr) reply_slot_->MarkCancelled();
  queue_->timers().Cancel(this);
  DeleteIfOver();
}

void UploadCall::CloseSink() {
  if (reply_slot_ != nullptr) reply_slot_->Detach();
  sink_.reset();
}

void UploadCall::DeleteIfOver() {
  if (grpc_done_ && !sending_ && !reading_ && !executing_) delete this;
}

}  // namespace modelref

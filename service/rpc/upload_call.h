#pragma once

#include <grpcpp/support/async_stream.h>

#include <memory>

#include "absl/status/statusor.h"
#include "service/rpc/call.h"
#include "service/rpc/reply_slot.h"
#include "service/rpc/upload_sink.h"

namespace modelref {

// One call with many messages and one answer: reads one message after the other, hands each to its
// sink on the executor, and sends what the sink answers in the end.
class UploadCall final : public Call, private TimerTarget, private ReplyReceiver {
 public:
  // Posts a call that owns itself.
  static void Post(Method* method, ServerState* state, Queue* queue);

 private:
  UploadCall(Method* method, ServerState* state, Queue* queue);
  ~UploadCall() override;

  void OnBegun(bool ok);
  void OnRead(bool ok);
  void OnSent(bool ok);
  void OnDone(bool ok);
  void OnAdmitted(absl::Status status) override;
  void OnReviewed(absl::Status right) override;
  void OnTimer(SteadyTime now) override;
  void OnReply(absl::StatusOr<grpc::ByteBuffer> answer) override;

  absl::Status Open();
  void ReadNext();
  // Has the sink do something on the executor; OnReply follows.
  void Execute(std::function<void(const RawReply&)> work);
  void Answer(absl::StatusOr<grpc::ByteBuffer> answer);
  void CloseSink();
  void DeleteIfOver();

  grpc::ServerAsyncReader<grpc::ByteBuffer, grpc::ByteBuffer> reader_{&grpc_context_};
  MemberTag<UploadCall> begun_tag_{this, &UploadCall::OnBegun};
  MemberTag<UploadCall> read_tag_{this, &UploadCall::OnRead};
  MemberTag<UploadCall> sent_tag_{this, &UploadCall::OnSent};
  MemberTag<UploadCall> done_tag_{this, &UploadCall::OnDone};
  std::shared_ptr<UploadSink> sink_;
  std::shared_ptr<ReplySlot> reply_slot_;  // Of what the executor does now.
  bool reading_ = false;
  bool executing_ = false;  // The sink, the request or the context is in use elsewhere.
  bool ended_ = false;      // The peer has sent everything.
  bool answered_ = false;
  bool sending_ = false;
};

}  // namespace modelref

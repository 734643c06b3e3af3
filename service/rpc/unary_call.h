#pragma once

#include <grpcpp/support/async_unary_call.h>

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "service/rpc/call.h"
#include "service/rpc/reply_slot.h"

namespace modelref {

// One unary call: posted, begun, answered (at once, by the executor or by a deferred reply), gone.
class UnaryCall final : public Call, private UnaryDeferral, private ReplyReceiver {
 public:
  // Posts a call that owns itself.
  static void Post(Method* method, ServerState* state, Queue* queue);

 private:
  UnaryCall(Method* method, ServerState* state, Queue* queue);
  ~UnaryCall() override;

  void OnBegun(bool ok);
  void OnSent(bool ok);
  void OnDone(bool ok);
  void OnAdmitted(absl::Status status) override;

  void Share(std::shared_ptr<const grpc::ByteBuffer> answer) override;
  RawReply Defer() override;
  void RunBlocking(std::function<absl::StatusOr<grpc::ByteBuffer>()> body) override;
  void OnReply(absl::StatusOr<grpc::ByteBuffer> answer) override;

  void Answer(const absl::StatusOr<grpc::ByteBuffer>& answer);
  void AnswerWith(const grpc::ByteBuffer& message);
  void AnswerWithError(const absl::Status& error);
  void DeleteIfOver();

  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer_{&grpc_context_};
  MemberTag<UnaryCall> begun_tag_{this, &UnaryCall::OnBegun};
  MemberTag<UnaryCall> sent_tag_{this, &UnaryCall::OnSent};
  MemberTag<UnaryCall> done_tag_{this, &UnaryCall::OnDone};
  bool sending_ = false;
  bool executing_ = false;  // An executor thread may be using the context.
  std::shared_ptr<ReplySlot> reply_slot_;
  std::shared_ptr<const grpc::ByteBuffer> shared_;  // Until it is sent.
};

}  // namespace modelref

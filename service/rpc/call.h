#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/grpc_status.h"
#include "service/rpc/admission_slot.h"
#include "service/rpc/call_context.h"
#include "service/rpc/queue.h"
#include "service/rpc/server_state.h"

namespace modelref {

// What calls of every kind have in common: they are posted to wait for a peer, begin, and end when
// gRPC said so and every operation has come back. They own themselves and live on one queue's
// thread.
class Call : public OutboundWrite, private AdmissionReceiver {
 public:
  Call(Method* method, ServerState* state, Queue* queue);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  void CancelWrite() override { grpc_context_.TryCancel(); }

 protected:
  // Counts the call's end when it had begun.
  ~Call() override;

  // A peer's call has taken this object's place in the queue.
  void Begin();
  // Asks the admission hook, whose answer comes to OnAdmitted() now or later. A call that ends
  // while it waits is simply gone.
  void Admit();
  // Once; it may delete the call.
  virtual void OnAdmitted(absl::Status status) = 0;
  // Asks whether an admitted call may go on, unless that is being asked already. The answer comes
  // to OnReviewed() now or later.
  void AskForRight();
  // It may delete the call.
  virtual void OnReviewed(absl::Status) {}
  // The call's last words, as they are going out; what is counted in the end unless it is
  // cancelled.
  void SetResult(absl::StatusCode code) { result_ = code; }
  void SendStarted();
  void SendEnded();
  // gRPC's word that the call is over on its side. Returns whether it was cut off.
  bool OnGrpcDone();

  // These send the one answer of the call, or its error, and end it; `tag` completes when that is
  // out.
  template <typename Writer>
  void SendReply(const grpc::ByteBuffer& message, Writer* writer, CompletionTag* tag) {
    SetResult(absl::StatusCode::kOk);
    SendStarted();
    method_->counters.Sent(message.Length());
    writer->Finish(message, grpc::Status::OK, tag);
  }
  template <typename Writer>
  void SendError(const absl::Status& error, Writer* writer, CompletionTag* tag) {
    SetResult(error.code());
    SendStarted();
    writer->FinishWithError(ToGrpcStatus(error), tag);
  }

  const RpcServerOptions& options() const { return *state_->options; }
  // `status` when it is not OK, else RESPONSE_TOO_LARGE when `message` is.
  absl::Status CheckSize(const grpc::ByteBuffer& message) const;

  Method* const method_;
  ServerState* const state_;
  Queue* const queue_;
  grpc::ServerContext grpc_context_;
  grpc::ByteBuffer request_;
  std::optional<CallContext> context_;
  bool grpc_done_ = false;  // gRPC owes nothing but the operations in flight.

 private:
  void LogSlow(absl::StatusCode code, absl::Duration latency) const;
  absl::Status CheckMetadata() const;
  void AwaitAdmission(const AdmissionQuestion& question);
  void Await(const AdmissionQuestion& question);
  void OnVerdict(const AdmissionVerdict& verdict) override;
  void EndWait();
  void Admitted(absl::Status status);

  SteadyTime began_;
  absl::StatusCode result_ = absl::StatusCode::kCancelled;
  bool cut_off_ = false;
  std::shared_ptr<AdmissionSlot> slot_;  // While a question is being asked.
  bool awaits_admission_ = false;        // It is that of the admission hook.
};

}  // namespace modelref

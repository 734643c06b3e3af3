#pragma once

#include <grpcpp/support/async_stream.h>

#include <list>
#include <memory>

#include "absl/status/status.h"
#include "service/rpc/call.h"
#include "service/rpc/stream_source.h"
#include "service/rpc/wake_target.h"

namespace modelref {

class StreamCall;

// The open streams of one queue, in the order they were opened. Single-threaded: the queue's.
using StreamList = std::list<StreamCall*>;

// A queue of streams in the ring of all of them.
struct StreamHome {
  Queue* queue = nullptr;
  StreamList streams;
  StreamHome* next = nullptr;  // Where the next request is posted when one was taken here.
};

// One server stream: asks its source for the next message whenever none is on its way.
class StreamCall final : public Call, private TimerTarget, private WakeReceiver {
 public:
  // Posts a call that owns itself. On the queue's thread, or before that runs.
  static void Post(Method* method, ServerState* state, StreamHome* home);

  // Lets the source know at `when` that the server drains.
  void DrainAt(SteadyTime when);
  // Lets the source know now that the server stops.
  void Stop();
  // Asks about the right of the caller, and ends the stream, after the message on its way, when
  // that has ended.
  void Review();

 private:
  class PostTask;

  StreamCall(Method* method, ServerState* state, StreamHome* home);
  ~StreamCall() override;

  void OnBegun(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void OnDone(bool ok);
  void OnAdmitted(absl::Status status) override;
  void OnReviewed(absl::Status right) override;
  void OnTimer(SteadyTime now) override;
  void OnWake() override { Pump(); }

  void PostNext();
  absl::Status Open();
  absl::Status TakePlace();
  void Pump();
  void Send(SendMessage step);
  void WaitUntil(absl::Time until);
  void Finish(const absl::Status& status);
  void CloseSource();
  void DeleteIfOver();

  StreamHome* const home_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&grpc_context_};
  MemberTag<StreamCall> begun_tag_{this, &StreamCall::OnBegun};
  MemberTag<StreamCall> written_tag_{this, &StreamCall::OnWritten};
  MemberTag<StreamCall> finished_tag_{this, &StreamCall::OnFinished};
  MemberTag<StreamCall> done_tag_{this, &StreamCall::OnDone};
  std::shared_ptr<WakeTarget> wake_target_;
  std::unique_ptr<StreamSource> source_;
  StreamPhase phase_ = StreamPhase::kServing;
  absl::Status right_;  // Why the stream must end, once it must.
  SteadyTime drain_at_ = SteadyTime::max();
  StreamList::iterator place_;
  bool has_place_ = false;
  bool sending_ = false;  // A write or the finish is in flight.
};

}  // namespace modelref

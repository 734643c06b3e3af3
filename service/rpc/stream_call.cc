#include "service/rpc/stream_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/grpc_status.h"

namespace modelref {
namespace {

// Waits beyond this are taken in steps; a source expects to be asked without a reason anyway.
constexpr absl::Duration kLongestWait = absl::Hours(1);

}  // namespace

class StreamCall::PostTask final : public QueueTask {
 public:
  PostTask(Method* method, ServerState* state, StreamHome* home)
      : method_(method), state_(state), home_(home) {}
  void RunOnQueue() override { Post(method_, state_, home_); }

 private:
  Method* const method_;
  ServerState* const state_;
  StreamHome* const home_;
};

void StreamCall::Post(Method* method, ServerState* state, StreamHome* home) {
  auto* const call = new StreamCall(method, state, home);
  state->service.RequestStream(method->index, &call->grpc_context_, &call->request_, &call->writer_,
                               home->queue->completion_queue(), &call->begun_tag_);
}

StreamCall::StreamCall(Method* method, ServerState* state, StreamHome* home)
    : Call(method, state, home->queue), home_(home) {
  grpc_context_.AsyncNotifyWhenDone(&done_tag_);
}

StreamCall::~StreamCall() {
  CloseSource();
  if (!has_place_) return;
  home_->streams.erase(place_);
  state_->streams_open.fetch_sub(1, std::memory_order_relaxed);
  if (method_->entry->options.serve_while_draining) return;
  if (state_->streams_to_drain.fetch_sub(1) > 1 || !state_->draining.load()) return;
  MutexLock lock(&state_->drained_mutex);
  state_->drained.SignalAll();
}

void StreamCall::OnBegun(bool ok) {
  if (!ok) {
    // The server shuts down; the done tag never comes for a call that did not begin.
    delete this;
    return;
  }
  PostNext();
  Begin();
  Admit();
}

// gRPC gives a stream to the first queue that has a request for it: the requests go round.
void StreamCall::PostNext() {
  StreamHome* const next = home_->next;
  if (next == home_) return Post(method_, state_, home_);
  next->queue->mailbox()->Post(std::make_shared<PostTask>(method_, state_, next));
}

void StreamCall::OnAdmitted(absl::Status status) {
  if (status.ok()) status = Open();
  if (!status.ok()) return Finish(status);
  Pump();
}

absl::Status StreamCall::Open() {
  RETURN_IF_ERROR(TakePlace());
  WakeReceiver* const receiver = this;
  wake_target_ = std::make_shared<WakeTarget>(queue_->mailbox(), receiver);
  auto source = method_->entry->stream(*context_, request_, Waker(wake_target_));
  request_.Clear();
  if (!source.ok()) return source.status();
  source_ = *std::move(source);
  return absl::OkStatus();
}

absl::Status StreamCall::TakePlace() {
  const bool draining = state_->draining.load(std::memory_order_relaxed);
  ErrorExtras extras;
  if (draining && !method_->entry->options.serve_while_draining) {
    state_->streams_refused.fetch_add(1, std::memory_order_relaxed);
    extras.retry_after = absl::Seconds(1);
    return Error(absl::StatusCode::kUnavailable, "DRAINING",
                 "the server is about to stop; use another one", std::move(extras));
  }
  if (state_->memory_short.load(std::memory_order_relaxed)) {
    state_->memory_refusals.fetch_add(1, std::memory_order_relaxed);
    extras.retry_after = absl::Seconds(10);
    return Error(absl::StatusCode::kResourceExhausted, "MEMORY_LIMIT",
                 "the server uses all the memory it may", std::move(extras));
  }
  if (state_->streams_open.fetch_add(1, std::memory_order_relaxed) >= options().max_streams) {
    state_->streams_open.fetch_sub(1, std::memory_order_relaxed);
    state_->streams_refused.fetch_add(1, std::memory_order_relaxed);
    extras.retry_after = absl::Seconds(30);
    return Error(absl::StatusCode::kResourceExhausted, "STREAM_LIMIT",
                 absl::StrCat("all ", options().max_streams, " streams of the server are in use"),
                 std::move(extras));
  }
  place_ = home_->streams.insert(home_->streams.end(), this);
  has_place_ = true;
  if (!method_->entry->options.serve_while_draining) state_->streams_to_drain.fetch_add(1);
  if (draining) phase_ = StreamPhase::kDraining;
  if (queue_->mailbox()->stopping()) phase_ = StreamPhase::kStopping;
  return absl::OkStatus();
}

void StreamCall::Pump() {
  // What is missed here is made up for when the write in flight has ended.
  if (source_ == nullptr || sending_) return;
  if (!right_.ok()) return Finish(right_);
  queue_->timers().Cancel(this);
  if (drain_at_ != SteadyTime::max() && drain_at_ <= SteadyClock::now()) {
    drain_at_ = SteadyTime::max();
    phase_ = std::max(phase_, StreamPhase::kDraining);
  }
  StreamStep step = source_->Next(phase_);
  if (auto* message = std::get_if<SendMessage>(&step)) {
    Send(std::move(*message));
  } else if (const auto* wait = std::get_if<WaitForWake>(&step)) {
    WaitUntil(wait->until);
  } else {
    Finish(std::get<EndStream>(step).status);
  }
}

void StreamCall::Send(SendMessage step) {
  if (absl::Status fits = CheckSize(step.message); !fits.ok()) return Finish(fits);
  method_->counters.Sent(step.message.Length());
  sending_ = true;
  SendStarted();
  if (!step.last) return writer_.Write(step.message, &written_tag_);
  CloseSource();
  SetResult(absl::StatusCode::kOk);
  writer_.WriteAndFinish(step.message, grpc::WriteOptions(), grpc::Status::OK, &finished_tag_);
}

void StreamCall::WaitUntil(absl::Time until) {
  SteadyTime due = drain_at_;
  if (until != absl::InfiniteFuture()) {
    const absl::Duration wait =
        std::clamp(until - options().clock->TimeNow(), absl::ZeroDuration(), kLongestWait);
    due = std::min(due, SteadyClock::now() + absl::ToChronoNanoseconds(wait));
  }
  queue_->timers().Set(this, due);
}

void StreamCall::OnTimer(SteadyTime) { Pump(); }

void StreamCall::DrainAt(SteadyTime when) {
  drain_at_ = when;
  Pump();
}

void StreamCall::Stop() {
  phase_ = StreamPhase::kStopping;
  Pump();
}

void StreamCall::Review() {
  if (source_ != nullptr && right_.ok()) AskForRight();
}

void StreamCall::OnReviewed(absl::Status right) {
  // It may have ended by itself while somebody was asked.
  if (source_ == nullptr || right.ok()) return;
  right_ = std::move(right);
  state_->streams_revoked.fetch_add(1, std::memory_order_relaxed);
  Pump();
}

void StreamCall::Finish(const absl::Status& status) {
  CloseSource();
  if (grpc_done_) return DeleteIfOver();
  SetResult(status.code());
  sending_ = true;
  SendStarted();
  writer_.Finish(ToGrpcStatus(status), &finished_tag_);
}

void StreamCall::OnWritten(bool ok) {
  sending_ = false;
  SendEnded();
  // A failed write means that the peer is gone; the done tag follows.
  if (!ok) CloseSource();
  if (grpc_done_) return DeleteIfOver();
  Pump();
}

void StreamCall::OnFinished(bool) {
  sending_ = false;
  SendEnded();
  DeleteIfOver();
}

void StreamCall::OnDone(bool) {
  OnGrpcDone();
  CloseSource();
  DeleteIfOver();
}

void StreamCall::CloseSource() {
  queue_->timers().Cancel(this);
  if (wake_target_ != nullptr) wake_target_->Detach();
  wake_target_.reset();
  source_.reset();
}

void StreamCall::DeleteIfOver() {
  if (grpc_done_ && !sending_) delete this;
}

}  // namespace modelref

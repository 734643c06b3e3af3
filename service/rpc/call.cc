#include "service/rpc/call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/log.h"

namespace modelref {

Call::Call(Method* method, ServerState* state, Queue* queue)
    : method_(method), state_(state), queue_(queue) {
  queue_->CallAdded();
}

Call::~Call() {
  EndWait();
  if (context_.has_value()) {
    // An answer that did not reach its peer is no success.
    absl::StatusCode code = cut_off_ ? absl::StatusCode::kCancelled : result_;
    if (cut_off_ && context_->deadline() <= options().clock->TimeNow()) {
      code = absl::StatusCode::kDeadlineExceeded;
    }
    const absl::Duration latency = absl::FromChrono(SteadyClock::now() - began_);
    method_->counters.Finished(code, latency);
    if (latency > options().slow_call && method_->entry->unary != nullptr) LogSlow(code, latency);
    state_->calls_open.fetch_sub(1, std::memory_order_relaxed);
  }
  queue_->CallRemoved();
}

void Call::Begin() {
  state_->calls_open.fetch_add(1, std::memory_order_relaxed);
  began_ = SteadyClock::now();
  context_.emplace(method_->entry->method, &grpc_context_, options().clock->TimeNow(),
                   method_->entry->unary == nullptr);
  method_->counters.Started(request_.Length());
}

void Call::Admit() {
  if (absl::Status fits = CheckMetadata(); !fits.ok()) return Admitted(std::move(fits));
  if (!options().admission) return OnAdmitted(absl::OkStatus());
  AdmissionOutcome outcome = options().admission(*context_);
  if (outcome.is_decided()) return Admitted(outcome.TakeStatus());
  AwaitAdmission(outcome.question());
}

void Call::AskForRight() {
  if (slot_ != nullptr) return;
  if (!options().stream_review) return OnReviewed(absl::OkStatus());
  AdmissionOutcome outcome = options().stream_review(*context_);
  if (outcome.is_decided()) return OnReviewed(outcome.TakeStatus());
  Await(outcome.question());
}

absl::Status Call::CheckMetadata() const {
  const size_t metadata = context_->MetadataBytes();
  if (metadata <= static_cast<size_t>(options().max_metadata_bytes)) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "METADATA_TOO_LARGE",
               absl::StrCat("the metadata of the call has ", metadata, " bytes; the limit is ",
                            options().max_metadata_bytes));
}

void Call::AwaitAdmission(const AdmissionQuestion& question) {
  if (state_->admissions_waiting.fetch_add(1, std::memory_order_relaxed) >=
      options().max_admissions_waiting) {
    state_->admissions_waiting.fetch_sub(1, std::memory_order_relaxed);
    ErrorExtras extras;
    extras.retry_after = absl::Seconds(1);
    return Admitted(Error(absl::StatusCode::kResourceExhausted, "OVERLOADED",
                          "too many calls wait to learn who their caller is", std::move(extras)));
  }
  awaits_admission_ = true;
  Await(question);
}

void Call::Await(const AdmissionQuestion& question) {
  AdmissionReceiver* const receiver = this;
  slot_ = std::make_shared<AdmissionSlot>(queue_->mailbox(), receiver);
  question(*context_, AdmissionReply(slot_));
}

void Call::OnVerdict(const AdmissionVerdict& verdict) {
  const bool is_admission = awaits_admission_;
  EndWait();
  absl::Status status = verdict(*context_);
  if (is_admission) return Admitted(std::move(status));
  OnReviewed(std::move(status));
}

void Call::EndWait() {
  if (slot_ == nullptr) return;
  slot_->Detach();
  slot_.reset();
  if (!std::exchange(awaits_admission_, false)) return;
  state_->admissions_waiting.fetch_sub(1, std::memory_order_relaxed);
}

void Call::Admitted(absl::Status status) {
  if (!status.ok()) state_->calls_not_admitted.fetch_add(1, std::memory_order_relaxed);
  OnAdmitted(std::move(status));
}

void Call::LogSlow(absl::StatusCode code, absl::Duration latency) const {
  state_->slow_calls.fetch_add(1, std::memory_order_relaxed);
  Log(LogLevel::kWarning, "rpc.slow",
      {{"method", std::string(context_->method())},
       {"milliseconds", absl::StrCat(absl::ToInt64Milliseconds(latency))},
       {"code", absl::StatusCodeToString(code)},
       {"peer", context_->peer()},
       {"traceparent", std::string(context_->traceparent())}});
}

void Call::SendStarted() { queue_->WriteStarted(this, SteadyClock::now()); }

void Call::SendEnded() { queue_->WriteEnded(this); }

bool Call::OnGrpcDone() {
  grpc_done_ = true;
  cut_off_ = grpc_context_.IsCancelled();
  if (cut_off_) context_->MarkCancelled();
  return cut_off_;
}

absl::Status Call::CheckSize(const grpc::ByteBuffer& message) const {
  const size_t size = message.Length();
  if (size <= static_cast<size_t>(options().max_send_bytes)) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "RESPONSE_TOO_LARGE",
               absl::StrCat("the answer has ", size, " bytes; the limit is ",
                            options().max_send_bytes, ": ask for less or use a stream"));
}

}  // namespace modelref

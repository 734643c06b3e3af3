#pragma once

// Who may call, decided before a request is parsed: at once, or after somebody was asked.

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "service/rpc/call_context.h"

namespace modelref {

// The rest of an admission or a review, once what it waited for is known. Runs on the call's queue
// thread, as the hook itself: it may attach to the call and must not block.
using AdmissionVerdict = std::function<absl::Status(CallContext&)>;

class AdmissionSlot;

// How a deferred admission is decided. Copyable, thread-safe, without effect after the call or the
// server is gone. The first verdict counts; a call whose handles are all gone without one is
// refused with INTERNAL (`UNANSWERED`).
class AdmissionReply {
 public:
  explicit AdmissionReply(std::shared_ptr<AdmissionSlot> slot);
  void Decide(AdmissionVerdict verdict) const;

 private:
  class Last;
  std::shared_ptr<const Last> last_;
};

// Asks somebody; called once on the queue's thread, must not block. The context may be used until
// it returns.
using AdmissionQuestion = std::function<void(const CallContext&, AdmissionReply)>;

// What an admission hook answers: a status, or a question whose answer decides.
class AdmissionOutcome {
 public:
  AdmissionOutcome(absl::Status status) : status_(std::move(status)) {}
  AdmissionOutcome(AdmissionQuestion question) : question_(std::move(question)) {}

  bool is_decided() const { return question_ == nullptr; }
  absl::Status TakeStatus() { return std::move(status_); }
  const AdmissionQuestion& question() const { return question_; }

 private:
  absl::Status status_;
  AdmissionQuestion question_;
};

// Decides about every call before its request is parsed: policy, identity, rate limits. Runs on the
// queue's thread, must not block. An error is the call's answer.
using Admission = std::function<AdmissionOutcome(CallContext&)>;

// Whether a stream or an upload that was admitted may go on; an error ends it. Answers like
// Admission where somebody has to be asked. Runs on the queue's thread, must not block.
using StreamReview = std::function<AdmissionOutcome(const CallContext&)>;

}  // namespace modelref

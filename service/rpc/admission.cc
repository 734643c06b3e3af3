#include "service/rpc/admission.h"

#include "backends/base/error.h"
#include "service/rpc/admission_slot.h"

namespace modelref {

void AdmissionSlot::Decide(AdmissionVerdict verdict) {
  {
    MutexLock lock(&mutex_);
    if (verdict_.has_value()) return;
    verdict_ = std::move(verdict);
  }
  mailbox_->Post(shared_from_this());
}

void AdmissionSlot::RunOnQueue() {
  if (receiver_ == nullptr) return;
  AdmissionVerdict verdict;
  {
    MutexLock lock(&mutex_);
    verdict = std::move(*verdict_);
  }
  receiver_->OnVerdict(verdict);
}

// Shared by all handles of one call.
class AdmissionReply::Last {
 public:
  explicit Last(std::shared_ptr<AdmissionSlot> slot) : slot_(std::move(slot)) {}
  ~Last() {
    slot_->Decide([](CallContext&) {
      return Error(absl::StatusCode::kInternal, "UNANSWERED", "nobody decided about the call");
    });
  }
  Last(const Last&) = delete;
  Last& operator=(const Last&) = delete;
  AdmissionSlot& slot() const { return *slot_; }

 private:
  const std::shared_ptr<AdmissionSlot> slot_;
};

AdmissionReply::AdmissionReply(std::shared_ptr<AdmissionSlot> slot)
    : last_(std::make_shared<const Last>(std::move(slot))) {}

void AdmissionReply::Decide(AdmissionVerdict verdict) const {
  last_->slot().Decide(std::move(verdict));
}

}  // namespace modelref

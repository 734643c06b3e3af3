#pragma once

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "service/rpc/admission.h"
#include "service/rpc/mailbox.h"

namespace modelref {

// Who waits to be admitted. Single-threaded: the queue's.
class AdmissionReceiver {
 public:
  virtual ~AdmissionReceiver() = default;
  virtual void OnVerdict(const AdmissionVerdict& verdict) = 0;
};

// Carries a verdict from any thread to the call's queue. Thread-safe but for Detach().
class AdmissionSlot final : public QueueTask, public std::enable_shared_from_this<AdmissionSlot> {
 public:
  AdmissionSlot(std::shared_ptr<Mailbox> mailbox, AdmissionReceiver* receiver)
      : mailbox_(std::move(mailbox)), receiver_(receiver) {}

  // The first verdict counts.
  void Decide(AdmissionVerdict verdict);

  // On the queue's thread: the receiver is gone.
  void Detach() { receiver_ = nullptr; }
  void RunOnQueue() override;

 private:
  const std::shared_ptr<Mailbox> mailbox_;
  AdmissionReceiver* receiver_;  // Touched on the queue's thread only.
  Mutex mutex_;
  std::optional<AdmissionVerdict> verdict_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

#include "service/pending_read.h"

#include <utility>

#include "backends/base/mutex.h"

namespace modelref {

struct PendingRead::State : std::enable_shared_from_this<PendingRead::State> {
  State(const ReadMeans& read_means, ReadPlan read_plan, const Waker& read_waker)
      : means(read_means), plan(std::move(read_plan)), waker(read_waker) {}

  void Reached(const absl::Status& status) {
    MutexLock lock(&mutex);
    if (abandoned) return;
    if (!status.ok() || !plan.refresh) return FinishLocked(status);
    // Under the lock: what is given up must not touch the executor.
    const absl::Status submitted = means.executor.Submit([state = shared_from_this()] {
      RefreshSources(state->means.catalogue, state->plan);
      MutexLock task_lock(&state->mutex);
      state->FinishLocked(absl::OkStatus());
    });
    if (!submitted.ok()) FinishLocked(submitted);
  }
  void FinishLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    outcome = status;
    waker.Wake();
  }

  const ReadMeans means;
  const ReadPlan plan;
  const Waker waker;
  Mutex mutex;
  bool abandoned ABSL_GUARDED_BY(mutex) = false;
  std::optional<absl::Status> outcome ABSL_GUARDED_BY(mutex);
};

PendingRead::PendingRead(const ReadMeans& means, const ReadPlan& plan, const Waker& waker)
    : state_(std::make_shared<State>(means, plan, waker)) {
  if (!plan.min_position.has_value()) {
    state_->Reached(absl::OkStatus());
    return;
  }
  means.positions.AwaitReached(
      *plan.min_position, [state = state_](const absl::Status& status) { state->Reached(status); });
}

PendingRead::~PendingRead() {
  MutexLock lock(&state_->mutex);
  state_->abandoned = true;
}

std::optional<absl::Status> PendingRead::outcome() const {
  MutexLock lock(&state_->mutex);
  return state_->outcome;
}

void RefreshSources(const Catalogue& catalogue, const ReadPlan& plan) {
  for (const DocumentKey& key : plan.keys) catalogue.refresh(key).IgnoreError();
}

}  // namespace modelref

#include "service/watch/change_signal.h"

#include <utility>

namespace modelref {

ChangeSignal::ChangeSignal(Store& store) {
  store.AddListener([state = state_] {
    // Under the lock: a wake is a push onto a ready list, and after its subscription is gone nobody
    // may be called.
    MutexLock lock(&state->mutex);
    for (const auto& [place, wake] : state->wakes) wake();
  });
}

size_t ChangeSignal::subscribers() const {
  MutexLock lock(&state_->mutex);
  return state_->wakes.size();
}

ChangeSignal::Subscription::Subscription(ChangeSignal& signal, std::function<void()> wake,
                                         uint64_t neighbourhood)
    : signal_(signal) {
  MutexLock lock(&signal_.state_->mutex);
  place_ = {neighbourhood, signal_.state_->next_id++};
  signal_.state_->wakes.emplace(place_, std::move(wake));
}

ChangeSignal::Subscription::~Subscription() {
  MutexLock lock(&signal_.state_->mutex);
  signal_.state_->wakes.erase(place_);
}

}  // namespace modelref

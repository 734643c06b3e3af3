#include "clients/cpp/cancellation.h"

#include <algorithm>
#include <utility>

namespace modelref {
namespace {

// Longer waits would overflow the clock of the standard library.
constexpr absl::Duration kLongestWait = absl::Hours(24 * 365);

}  // namespace

void Cancellation::Cancel() {
  MutexLock lock(&mutex_);
  if (cancelled_) return;
  cancelled_ = true;
  changed_.SignalAll();
  for (const auto& [id, on_cancel] : listeners_) on_cancel();
}

bool Cancellation::cancelled() const {
  MutexLock lock(&mutex_);
  return cancelled_;
}

bool Cancellation::WaitFor(absl::Duration duration) {
  MutexLock lock(&mutex_);
  bool in_time = duration > absl::ZeroDuration();
  while (!cancelled_ && in_time) {
    in_time = changed_.WaitFor(&mutex_, std::min(duration, kLongestWait));
  }
  return cancelled_;
}

CancellationListener::CancellationListener(Cancellation* cancellation,
                                           std::function<void()> on_cancel)
    : cancellation_(cancellation) {
  if (cancellation_ == nullptr) return;
  MutexLock lock(&cancellation_->mutex_);
  if (cancellation_->cancelled_) on_cancel();
  id_ = cancellation_->next_id_++;
  cancellation_->listeners_.emplace(id_, std::move(on_cancel));
}

CancellationListener::~CancellationListener() {
  if (cancellation_ == nullptr) return;
  MutexLock lock(&cancellation_->mutex_);
  cancellation_->listeners_.erase(id_);
}

}  // namespace modelref

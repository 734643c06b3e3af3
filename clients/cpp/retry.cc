#include "clients/cpp/retry.h"

#include <algorithm>
#include <utility>

#include "backends/base/error.h"

namespace modelref {

void RetryBudget::RecordSuccess() {
  MutexLock lock(&mutex_);
  tokens_ = std::min(capacity_, tokens_ + refill_);
}

bool RetryBudget::RecordFailure() {
  MutexLock lock(&mutex_);
  tokens_ = std::max(0.0, tokens_ - 1);
  return tokens_ > capacity_ / 2;
}

absl::Duration BackoffCeiling(const RetryOptions& options, int retry) {
  absl::Duration ceiling = options.initial_backoff;
  for (int i = 0; i < retry && ceiling < options.max_backoff; ++i) ceiling *= 2;
  return std::min(ceiling, options.max_backoff);
}

void WaitFor(absl::Duration duration) {
  Mutex mutex;
  CondVar never_signalled;
  MutexLock lock(&mutex);
  never_signalled.WaitFor(&mutex, duration);
}

Retrier::Retrier(RetryOptions options, Clock& clock, std::function<bool()> useful)
    : options_(std::move(options)),
      clock_(clock),
      useful_(std::move(useful)),
      budget_(options_.budget_tokens, options_.budget_refill),
      random_(std::random_device{}()) {}

absl::Duration Retrier::PickDelay(const absl::Status& failure, int retry) {
  const absl::Duration ceiling = BackoffCeiling(options_, retry);
  MutexLock lock(&mutex_);
  const double share = std::uniform_real_distribution<double>(0, 1)(random_);
  // The server's wish is a floor with jitter on top: all clients got the same one.
  return ExtrasOf(failure).retry_after.value_or(absl::ZeroDuration()) + share * ceiling;
}

bool Retrier::WaitToRetry(const absl::Status& failure, int retry, absl::Time deadline,
                          Cancellation* cancellation) {
  const bool affordable = budget_.RecordFailure();
  if (!affordable || retry + 1 >= options_.max_attempts) return false;
  if (useful_ && !useful_()) return false;
  const absl::Duration delay = PickDelay(failure, retry);
  if (clock_.TimeNow() + delay >= deadline) return false;
  if (options_.wait) {
    options_.wait(delay);
  } else if (cancellation != nullptr) {
    cancellation->WaitFor(delay);
  } else {
    WaitFor(delay);
  }
  return cancellation == nullptr || !cancellation->cancelled();
}

}  // namespace modelref

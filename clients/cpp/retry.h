#pragma once

// Repeating reads that failed for a reason that may pass.

#include <functional>
#include <random>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/client_options.h"

namespace modelref {

// Limits retries to a share of the calls. Thread-safe.
class RetryBudget {
 public:
  RetryBudget(double tokens, double refill) : capacity_(tokens), refill_(refill), tokens_(tokens) {}

  void RecordSuccess() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes a token for a failure. True when a retry is allowed.
  bool RecordFailure() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const double capacity_;
  const double refill_;
  Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_);
};

// The longest wait before retry number `retry` (from 0); the wait is uniform below it.
absl::Duration BackoffCeiling(const RetryOptions& options, int retry);

// Decides about repeating calls and waits in between. Thread-safe.
class Retrier {
 public:
  // `useful` is asked before each retry; null means always.
  Retrier(RetryOptions options, Clock& clock, std::function<bool()> useful = nullptr);

  // A call failed for the `retry`th time (from 0) with a reason that may pass. Waits and returns
  // true when it should be repeated: attempts, budget and the time up to `deadline` allow it, and
  // nobody cancelled it meanwhile. `cancellation` may be null.
  bool WaitToRetry(const absl::Status& failure, int retry, absl::Time deadline,
                   Cancellation* cancellation = nullptr);
  void RecordSuccess() { budget_.RecordSuccess(); }

 private:
  absl::Duration PickDelay(const absl::Status& failure, int retry) ABSL_LOCKS_EXCLUDED(mutex_);

  const RetryOptions options_;
  Clock& clock_;
  const std::function<bool()> useful_;
  RetryBudget budget_;
  Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
};

// Blocks this thread; a wait without a signal that could end it.
void WaitFor(absl::Duration duration);

}  // namespace modelref

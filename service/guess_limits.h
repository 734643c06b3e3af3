#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "backends/base/mutex.h"
#include "service/rpc/queue_timers.h"

namespace modelref {

// Makes guessing credentials slow: an address may send `burst` different ones that are not known,
// and `per_second` more from then on. Once it has none left, credentials from there are refused
// without being looked at, but for those that were looked at before: whoever shares the address
// goes on, and a wrong one that is repeated is no guess. Secrets are given as hashes with a seed of
// this process. Thread-safe.
class GuessLimits {
 public:
  struct Options {
    double burst = 20;
    double per_second = 1;
    size_t max_addresses = 10'000;
    size_t max_secrets = 50'000;
  };

  explicit GuessLimits(const Options& options) : options_(options) {}

  // Before the credential is looked at. `peer` in gRPC's notation.
  //   RESOURCE_EXHAUSTED RATE_LIMIT  with the time after which another one may be tried.
  absl::Status MayTry(absl::string_view peer, size_t secret, SteadyTime now);

  // What came out.
  void WasGood(size_t secret);
  void WasBad(absl::string_view peer, size_t secret, SteadyTime now);

  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  struct Allowance {
    double guesses = 0;
    SteadyTime earned;
  };

  // Whether it was not there.
  bool RememberLocked(size_t secret) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Earn(Allowance* allowance, SteadyTime now) const;
  void MakeRoomLocked(SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  std::atomic<uint64_t> refused_{0};
  std::atomic<bool> is_quiet_{true};  // Nobody ever guessed wrong.
  Mutex mutex_;
  // Of addresses with less than the burst left.
  std::unordered_map<std::string, Allowance> allowances_ ABSL_GUARDED_BY(mutex_);
  // The older half is forgotten when full.
  std::unordered_set<size_t> secrets_ ABSL_GUARDED_BY(mutex_);
  std::unordered_set<size_t> older_secrets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

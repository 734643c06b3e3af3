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

// Makes guessing credentials slow, and above all questions to others about guesses: an address (of
// IPv6 a /64) may guess wrong `burst` times, and `per_second` more from then on. Questions that
// wait for their answers are counted as if it were wrong, but from where nobody guessed wrong so
// far `questions` of them may be under way: a fleet that comes at once has that many. A credential
// that is known to be good without asking is none of this class's business: whoever shares the
// address goes on. Secrets are given as hashes with a seed of this process. Thread-safe.
class GuessLimits {
 public:
  struct Options {
    double burst = 20;
    double per_second = 1;
    int questions = 64;
    size_t max_addresses = 10'000;
    size_t max_secrets = 50'000;
  };
  enum class Outcome { kGood, kWrong, kNoAnswer };

  explicit GuessLimits(const Options& options) : options_(options) {}

  // Before somebody is asked about a credential. One that was good the last time, or is being asked
  // about, is always let. `peer` in gRPC's notation.
  //   RESOURCE_EXHAUSTED RATE_LIMIT  with the time after which another one may be tried.
  absl::Status Begin(absl::string_view peer, size_t secret, SteadyTime now);
  // What the answer was, once for each Begin() that was OK. A wrong one takes a guess.
  void End(size_t secret, Outcome outcome, SteadyTime now);

  // For a credential that is wrong, as is known without asking: takes a guess, but none for a
  // secret that was wrong before. Errors of Begin().
  absl::Status CountWrong(absl::string_view peer, size_t secret, SteadyTime now);

  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  struct Allowance {
    double guesses = 0;  // Below zero when more questions than those had wrong answers.
    SteadyTime earned;
    int under_way = 0;
  };
  // A secret that is being asked about.
  struct Asked {
    std::string address;
    int questions = 0;
  };
  // The older half is forgotten when full.
  class Secrets {
   public:
    explicit Secrets(size_t limit) : limit_(limit) {}
    void Add(size_t secret);
    void Remove(size_t secret);
    bool Has(size_t secret) const;

   private:
    const size_t limit_;
    std::unordered_set<size_t> newer_;
    std::unordered_set<size_t> older_;
  };

  // As it is now.
  Allowance& AllowanceLocked(const std::string& address, SteadyTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Refuse(const Allowance& allowance);
  void EarnByTime(Allowance* allowance, SteadyTime now) const;
  void MakeRoomLocked(SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  std::atomic<uint64_t> refused_{0};
  Mutex mutex_;
  // Of addresses with less than the burst left, or with questions under way.
  std::unordered_map<std::string, Allowance> allowances_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<size_t, Asked> asked_ ABSL_GUARDED_BY(mutex_);  // By secret.
  Secrets good_ ABSL_GUARDED_BY(mutex_){options_.max_secrets};
  Secrets wrong_ ABSL_GUARDED_BY(mutex_){options_.max_secrets};
};

}  // namespace modelref

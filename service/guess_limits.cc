#include "service/guess_limits.h"

#include <algorithm>
#include <utility>

#include "backends/base/error.h"
#include "service/caller_limits.h"

namespace modelref {

absl::Status GuessLimits::MayTry(absl::string_view peer, size_t secret, SteadyTime now) {
  if (is_quiet_.load(std::memory_order_relaxed)) return absl::OkStatus();
  double missing = 0;
  {
    MutexLock lock(&mutex_);
    const auto found = allowances_.find(std::string(AddressOfPeer(peer)));
    if (found == allowances_.end()) return absl::OkStatus();
    Earn(&found->second, now);
    if (found->second.guesses >= 1) return absl::OkStatus();
    if (secrets_.count(secret) > 0 || older_secrets_.count(secret) > 0) return absl::OkStatus();
    missing = 1 - found->second.guesses;
  }
  refused_.fetch_add(1, std::memory_order_relaxed);
  ErrorExtras extras;
  extras.retry_after = std::max(absl::Seconds(missing / options_.per_second), absl::Seconds(1));
  return Error(absl::StatusCode::kResourceExhausted, "RATE_LIMIT",
               "too many credentials that are not known came from this address", std::move(extras));
}

void GuessLimits::WasGood(size_t secret) {
  MutexLock lock(&mutex_);
  RememberLocked(secret);
}

bool GuessLimits::RememberLocked(size_t secret) {
  const bool is_new = secrets_.insert(secret).second && older_secrets_.count(secret) == 0;
  if (secrets_.size() >= options_.max_secrets) older_secrets_ = std::exchange(secrets_, {});
  return is_new;
}

void GuessLimits::WasBad(absl::string_view peer, size_t secret, SteadyTime now) {
  is_quiet_.store(false, std::memory_order_relaxed);
  MutexLock lock(&mutex_);
  if (!RememberLocked(secret)) return;
  MakeRoomLocked(now);
  Allowance& allowance =
      allowances_.try_emplace(std::string(AddressOfPeer(peer)), Allowance{options_.burst, now})
          .first->second;
  Earn(&allowance, now);
  allowance.guesses = std::max(0.0, allowance.guesses - 1);
}

void GuessLimits::Earn(Allowance* allowance, SteadyTime now) const {
  const double seconds = std::chrono::duration<double>(now - allowance->earned).count();
  allowance->guesses = std::min(options_.burst, allowance->guesses + seconds * options_.per_second);
  allowance->earned = now;
}

void GuessLimits::MakeRoomLocked(SteadyTime now) {
  if (allowances_.size() < options_.max_addresses) return;
  for (auto entry = allowances_.begin(); entry != allowances_.end();) {
    Earn(&entry->second, now);
    entry = entry->second.guesses >= options_.burst ? allowances_.erase(entry) : std::next(entry);
  }
  if (allowances_.size() >= options_.max_addresses) {
    // Whoever guesses from so many places is not stopped by counting them.
    allowances_.clear();
  }
}

}  // namespace modelref

#include "service/guess_limits.h"

#include <algorithm>
#include <utility>

#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/rpc/peer_address.h"

namespace modelref {

void GuessLimits::Secrets::Add(size_t secret) {
  newer_.insert(secret);
  if (newer_.size() >= limit_) older_ = std::exchange(newer_, {});
}

void GuessLimits::Secrets::Remove(size_t secret) {
  newer_.erase(secret);
  older_.erase(secret);
}

bool GuessLimits::Secrets::Has(size_t secret) const {
  return newer_.count(secret) > 0 || older_.count(secret) > 0;
}

absl::Status GuessLimits::Begin(absl::string_view peer, size_t secret, SteadyTime now) {
  std::string address = OriginOf(peer);
  MutexLock lock(&mutex_);
  if (good_.Has(secret)) return absl::OkStatus();
  const auto asked = asked_.find(secret);
  if (asked != asked_.end()) {
    ++asked->second.questions;
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(TakeLocked(address, now));
  asked_.emplace(secret, Asked{std::move(address), 1});
  return absl::OkStatus();
}

void GuessLimits::End(size_t secret, Outcome outcome, SteadyTime now) {
  MutexLock lock(&mutex_);
  if (outcome == Outcome::kGood) good_.Add(secret);
  if (outcome == Outcome::kWrong) {
    good_.Remove(secret);
    wrong_.Add(secret);
  }
  const auto asked = asked_.find(secret);
  if (asked == asked_.end()) return;
  if (outcome == Outcome::kGood && std::exchange(asked->second.owes_guess, false)) {
    const auto allowance = allowances_.find(asked->second.address);
    if (allowance != allowances_.end()) {
      EarnByTime(&allowance->second, now);
      Earn(&allowance->second, 1);
    }
  }
  if (--asked->second.questions == 0) asked_.erase(asked);
}

absl::Status GuessLimits::CountWrong(absl::string_view peer, size_t secret, SteadyTime now) {
  const std::string address = OriginOf(peer);
  MutexLock lock(&mutex_);
  if (wrong_.Has(secret)) return absl::OkStatus();
  RETURN_IF_ERROR(TakeLocked(address, now));
  wrong_.Add(secret);
  return absl::OkStatus();
}

absl::Status GuessLimits::TakeLocked(const std::string& address, SteadyTime now) {
  MakeRoomLocked(now);
  Allowance& allowance =
      allowances_.try_emplace(address, Allowance{options_.burst, now}).first->second;
  EarnByTime(&allowance, now);
  if (allowance.guesses >= 1) {
    allowance.guesses -= 1;
    return absl::OkStatus();
  }
  refused_.fetch_add(1, std::memory_order_relaxed);
  ErrorExtras extras;
  extras.retry_after =
      std::max(absl::Seconds((1 - allowance.guesses) / options_.per_second), absl::Seconds(1));
  return Error(absl::StatusCode::kResourceExhausted, "RATE_LIMIT",
               "too many credentials that are not known came from this address", std::move(extras));
}

void GuessLimits::Earn(Allowance* allowance, double guesses) const {
  allowance->guesses = std::min(options_.burst, allowance->guesses + guesses);
}

void GuessLimits::EarnByTime(Allowance* allowance, SteadyTime now) const {
  const double seconds = std::chrono::duration<double>(now - allowance->earned).count();
  Earn(allowance, seconds * options_.per_second);
  allowance->earned = now;
}

void GuessLimits::MakeRoomLocked(SteadyTime now) {
  if (allowances_.size() < options_.max_addresses) return;
  for (auto entry = allowances_.begin(); entry != allowances_.end();) {
    EarnByTime(&entry->second, now);
    entry = entry->second.guesses >= options_.burst ? allowances_.erase(entry) : std::next(entry);
  }
  if (allowances_.size() >= options_.max_addresses) {
    // Whoever guesses from so many places is not stopped by counting them.
    allowances_.clear();
  }
}

}  // namespace modelref

#include "service/guess_limits.h"

#include <algorithm>
#include <utility>

#include "backends/base/error.h"
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
  Allowance& allowance = AllowanceLocked(address, now);
  const double may = allowance.guesses >= options_.burst ? options_.questions : allowance.guesses;
  if (allowance.under_way + 1 > may) return Refuse(allowance);
  ++allowance.under_way;
  asked_.emplace(secret, Asked{std::move(address), 1});
  return absl::OkStatus();
}

void GuessLimits::End(size_t secret, Outcome outcome, SteadyTime now) {
  MutexLock lock(&mutex_);
  const bool is_new_guess = outcome == Outcome::kWrong && !wrong_.Has(secret);
  if (outcome == Outcome::kGood) good_.Add(secret);
  if (outcome == Outcome::kWrong) {
    good_.Remove(secret);
    wrong_.Add(secret);
  }
  const auto asked = asked_.find(secret);
  if (asked == asked_.end()) return;
  Allowance& allowance = AllowanceLocked(asked->second.address, now);
  if (is_new_guess) allowance.guesses -= 1;
  if (--asked->second.questions > 0) return;
  allowance.under_way = std::max(0, allowance.under_way - 1);  // It may have been forgotten.
  asked_.erase(asked);
}

absl::Status GuessLimits::CountWrong(absl::string_view peer, size_t secret, SteadyTime now) {
  const std::string address = OriginOf(peer);
  MutexLock lock(&mutex_);
  if (wrong_.Has(secret)) return absl::OkStatus();
  Allowance& allowance = AllowanceLocked(address, now);
  if (allowance.guesses < 1) return Refuse(allowance);
  allowance.guesses -= 1;
  wrong_.Add(secret);
  return absl::OkStatus();
}

GuessLimits::Allowance& GuessLimits::AllowanceLocked(const std::string& address, SteadyTime now) {
  MakeRoomLocked(now);
  Allowance& allowance =
      allowances_.try_emplace(address, Allowance{options_.burst, now}).first->second;
  EarnByTime(&allowance, now);
  return allowance;
}

absl::Status GuessLimits::Refuse(const Allowance& allowance) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  ErrorExtras extras;
  extras.retry_after =
      std::max(absl::Seconds((1 - allowance.guesses) / options_.per_second), absl::Seconds(1));
  return Error(absl::StatusCode::kResourceExhausted, "RATE_LIMIT",
               allowance.guesses >= 1
                   ? "too many credentials of this address are being asked about"
                   : "too many credentials that are not known came from this address",
               std::move(extras));
}

void GuessLimits::EarnByTime(Allowance* allowance, SteadyTime now) const {
  const double seconds = std::chrono::duration<double>(now - allowance->earned).count();
  allowance->guesses = std::min(options_.burst, allowance->guesses + seconds * options_.per_second);
  allowance->earned = now;
}

void GuessLimits::MakeRoomLocked(SteadyTime now) {
  if (allowances_.size() < options_.max_addresses) return;
  for (auto entry = allowances_.begin(); entry != allowances_.end();) {
    EarnByTime(&entry->second, now);
    const bool is_new = entry->second.guesses >= options_.burst && entry->second.under_way == 0;
    entry = is_new ? allowances_.erase(entry) : std::next(entry);
  }
  if (allowances_.size() >= options_.max_addresses) {
    // Whoever guesses from so many places is not stopped by counting them.
    allowances_.clear();
  }
}

}  // namespace modelref

#include "service/caller_limits.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "service/rpc/peer_address.h"

namespace modelref {
namespace {

// How often callers that were quiet are forgotten.
constexpr SteadyClock::duration kDropInterval = std::chrono::seconds(10);

double SecondsOf(SteadyClock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

class CallerLimits::Place {
 public:
  Place(CallerLimits* limits, std::string key) : limits_(limits), key_(std::move(key)) {}
  ~Place() { limits_->Leave(key_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  CallerLimits* const limits_;
  const std::string key_;
};

absl::Status CallerLimits::TakeCall(const Caller& caller, absl::string_view peer, SteadyTime now) {
  if (options_.calls_per_second == 0) return absl::OkStatus();
  const double rate = options_.calls_per_second;
  const std::string key =
      caller.id.empty() ? absl::StrCat("at ", OriginOf(peer)) : absl::StrCat("is ", caller.id);
  double missing = 0;
  {
    MutexLock lock(&mutex_);
    DropFullLocked(now);
    Allowance& allowance = allowances_.try_emplace(key, Allowance{rate, now}).first->second;
    allowance.calls = std::min(rate, allowance.calls + SecondsOf(now - allowance.earned) * rate);
    allowance.earned = now;
    if (allowance.calls >= 1) {
      allowance.calls -= 1;
      return absl::OkStatus();
    }
    missing = 1 - allowance.calls;
  }
  calls_refused_.fetch_add(1, std::memory_order_relaxed);
  ErrorExtras extras;
  extras.retry_after = std::max(absl::Seconds(missing / rate), absl::Milliseconds(1));
  extras.metadata["limit"] = absl::StrCat(options_.calls_per_second);
  return Error(absl::StatusCode::kResourceExhausted, "RATE_LIMIT",
               absl::StrCat("more than ", options_.calls_per_second, " calls in a second"),
               std::move(extras));
}

void CallerLimits::DropFullLocked(SteadyTime now) {
  if (now - dropped_ < kDropInterval) return;
  dropped_ = now;
  for (auto entry = allowances_.begin(); entry != allowances_.end();) {
    // After a second without a call there is nothing to remember.
    entry = now - entry->second.earned > std::chrono::seconds(1) ? allowances_.erase(entry)
                                                                 : std::next(entry);
  }
}

absl::StatusOr<std::shared_ptr<const void>> CallerLimits::TakeStream(const Caller& caller,
                                                                     absl::string_view peer) {
  if (caller.id.empty() && IsLocal(caller.peer)) return std::shared_ptr<const void>();
  std::string key = caller.id.empty() ? absl::StrCat("at ", peer) : absl::StrCat("is ", caller.id);
  {
    MutexLock lock(&mutex_);
    int& open = streams_[key];
    if (open < options_.streams_per_caller) {
      ++open;
      return std::make_shared<const Place>(this, std::move(key));
    }
  }
  streams_refused_.fetch_add(1, std::memory_order_relaxed);
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(30);
  extras.metadata["limit"] = absl::StrCat(options_.streams_per_caller);
  return Error(absl::StatusCode::kResourceExhausted, "STREAM_LIMIT",
               absl::StrCat("the caller has ", options_.streams_per_caller,
                            " streams open, which is all it may have"),
               std::move(extras));
}

void CallerLimits::Leave(const std::string& key) {
  MutexLock lock(&mutex_);
  const auto found = streams_.find(key);
  if (found != streams_.end() && --found->second == 0) streams_.erase(found);
}

CallerLimits::Stats CallerLimits::stats() const {
  return {streams_refused_.load(std::memory_order_relaxed),
          calls_refused_.load(std::memory_order_relaxed)};
}

}  // namespace modelref

#include "clients/cpp/watch_backoff.h"

#include <algorithm>

#include "backends/base/error.h"

namespace modelref {
namespace {

constexpr absl::Duration kFirstDelay = absl::Seconds(1);
constexpr absl::Duration kMaxDelay = absl::Seconds(30);
constexpr absl::Duration kHealthy = absl::Seconds(60);
// What a server may ask for at most.
constexpr absl::Duration kLongestWish = absl::Minutes(10);
constexpr size_t kMaxOpensPerSecond = 3;

absl::Duration Limited(absl::Duration wish) {
  return std::clamp(wish, absl::ZeroDuration(), kLongestWish);
}

}  // namespace

void WatchBackoff::RecordOpen(absl::Time now) {
  opened_.push_back(now);
  if (opened_.size() > kMaxOpensPerSecond) opened_.pop_front();
}

absl::Duration WatchBackoff::PickDelay(const WatchEnd& end) {
  absl::Duration ceiling = kFirstDelay;
  for (uint32_t i = 1; i < attempts_ && ceiling < kMaxDelay; ++i) ceiling *= 2;
  const absl::Duration jitter = uniform_() * std::min(ceiling, kMaxDelay);
  if (end.reconnect_max.has_value()) {
    const absl::Duration least = Limited(end.reconnect_min.value_or(absl::ZeroDuration()));
    const absl::Duration window =
        std::max(absl::ZeroDuration(), Limited(*end.reconnect_max) - least);
    const absl::Duration chosen = least + uniform_() * window;
    // Drained again and again: the window alone would not slow the client down.
    return attempts_ == 1 ? chosen : std::max(chosen, jitter);
  }
  // All clients were told the same wish, so there is jitter on top of it.
  return Limited(ExtrasOf(end.status).retry_after.value_or(absl::ZeroDuration())) + jitter;
}

absl::Duration WatchBackoff::NextDelay(const WatchEnd& end, absl::Time now) {
  if (end.healthy_for >= kHealthy) attempts_ = 0;
  ++attempts_;
  const absl::Duration delay = PickDelay(end);
  if (opened_.size() < kMaxOpensPerSecond) return delay;
  return std::max(delay, opened_.front() + absl::Seconds(1) - now);
}

}  // namespace modelref

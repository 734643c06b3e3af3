#include "service/rpc/method_stats.h"

#include <algorithm>

namespace modelref {
namespace {

// The counters are independent of each other and order nothing.
constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

}  // namespace

void MethodCounters::Started(uint64_t request_bytes) {
  started_.fetch_add(1, kRelaxed);
  bytes_received_.fetch_add(request_bytes, kRelaxed);
}

void MethodCounters::Received(uint64_t bytes) { bytes_received_.fetch_add(bytes, kRelaxed); }

void MethodCounters::Sent(uint64_t bytes) {
  messages_sent_.fetch_add(1, kRelaxed);
  bytes_sent_.fetch_add(bytes, kRelaxed);
}

void MethodCounters::Finished(absl::StatusCode code, absl::Duration latency) {
  const auto index = static_cast<size_t>(code);
  const size_t known =
      index < kStatusCodes ? index : static_cast<size_t>(absl::StatusCode::kUnknown);
  finished_[known].fetch_add(1, kRelaxed);
  const auto bucket = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(),
                                       absl::ToDoubleSeconds(latency));
  latency_buckets_[static_cast<size_t>(bucket - kLatencyBounds.begin())].fetch_add(1, kRelaxed);
  latency_nanos_.fetch_add(static_cast<uint64_t>(absl::ToInt64Nanoseconds(latency)), kRelaxed);
}

MethodStats MethodCounters::Snapshot() const {
  MethodStats stats;
  stats.started = started_.load(kRelaxed);
  for (size_t i = 0; i < finished_.size(); ++i) stats.finished[i] = finished_[i].load(kRelaxed);
  for (size_t i = 0; i < latency_buckets_.size(); ++i) {
    stats.latency_buckets[i] = latency_buckets_[i].load(kRelaxed);
  }
  stats.latency_sum = absl::Nanoseconds(latency_nanos_.load(kRelaxed));
  stats.bytes_received = bytes_received_.load(kRelaxed);
  stats.bytes_sent = bytes_sent_.load(kRelaxed);
  stats.messages_sent = messages_sent_.load(kRelaxed);
  return stats;
}

}  // namespace modelref

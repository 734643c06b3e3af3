#include "backends/backend_statistics.h"

#include <algorithm>

namespace modelref {

void StatisticsCounter::CountRead(const absl::Status& status, absl::Duration latency,
                                  uint64_t bytes) {
  Increment(&bytes_, bytes);
  if (!status.ok()) Increment(&errors_);
  // A wall clock may have been set back meanwhile.
  latency = std::max(latency, absl::ZeroDuration());
  const auto* const bound =
      std::lower_bound(std::begin(kLatencyBoundsSeconds), std::end(kLatencyBoundsSeconds),
                       absl::ToDoubleSeconds(latency));
  Increment(&latency_counts_[static_cast<size_t>(bound - std::begin(kLatencyBoundsSeconds))]);
  Increment(&latency_nanoseconds_, static_cast<uint64_t>(absl::ToInt64Nanoseconds(latency)));
}

BackendStatistics StatisticsCounter::Read(uint64_t cache_size) const {
  BackendStatistics read;
  read.name = name_;
  read.fetches = fetches_.load(std::memory_order_relaxed);
  read.hits = hits_.load(std::memory_order_relaxed);
  read.misses = misses_.load(std::memory_order_relaxed);
  read.refreshes = refreshes_.load(std::memory_order_relaxed);
  read.fallbacks = fallbacks_.load(std::memory_order_relaxed);
  read.errors = errors_.load(std::memory_order_relaxed);
  read.bytes = bytes_.load(std::memory_order_relaxed);
  read.cache_size = cache_size;
  for (const Counter& count : latency_counts_) {
    read.latency_counts.push_back(count.load(std::memory_order_relaxed));
  }
  read.latency_sum =
      absl::Nanoseconds(static_cast<int64_t>(latency_nanoseconds_.load(std::memory_order_relaxed)));
  return read;
}

}  // namespace modelref

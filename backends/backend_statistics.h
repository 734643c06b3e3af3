#pragma once

// How a backend counts what it does.

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/backend.h"

namespace modelref {

// Counters behind StatisticsSource. Thread-safe and lock-free; each number is exact, two of them
// may be a moment apart.
class StatisticsCounter {
 public:
  // `name` is what the backend is called in statistics, such as "filesystem".
  explicit StatisticsCounter(std::string name) : name_(std::move(name)) {}

  // A cache counts each call as one fetch and as a hit or a miss; a source counts a fetch and a
  // read in one step.
  void CountCall() { Increment(&fetches_); }
  void CountHit() { Increment(&hits_); }
  void CountMiss() { Increment(&misses_); }
  void CountRefresh() { Increment(&refreshes_); }
  void CountFallback() { Increment(&fallbacks_); }
  // One read from the source: how it ended, how long it took, and the bytes it brought.
  void CountRead(const absl::Status& status, absl::Duration latency, uint64_t bytes);
  void CountFetch(const absl::Status& status, absl::Duration latency, uint64_t bytes) {
    CountCall();
    CountRead(status, latency, bytes);
  }

  BackendStatistics Read(uint64_t cache_size = 0) const;

 private:
  using Counter = std::atomic<uint64_t>;
  static constexpr size_t kBuckets = std::size(kLatencyBoundsSeconds) + 1;

  static void Increment(Counter* counter, uint64_t by = 1) {
    counter->fetch_add(by, std::memory_order_relaxed);
  }

  const std::string name_;
  Counter fetches_{0};
  Counter hits_{0};
  Counter misses_{0};
  Counter refreshes_{0};
  Counter fallbacks_{0};
  Counter errors_{0};
  Counter bytes_{0};
  Counter latency_nanoseconds_{0};
  std::array<Counter, kBuckets> latency_counts_{};
};

}  // namespace modelref

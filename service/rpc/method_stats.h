#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace modelref {

// Canonical codes 0 (OK) to 16 (UNAUTHENTICATED).
inline constexpr size_t kStatusCodes = 17;

// Upper bounds of the latency buckets in seconds; a last bucket without a bound follows.
inline constexpr std::array<double, 12> kLatencyBounds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10};

// What happened to one method since the server was made. Latency is from the start of handling to
// the end of the call, for streams their whole life. Calls that a peer cancelled count as
// CANCELLED. Bytes are of messages without framing.
struct MethodStats {
  std::string method;
  bool streaming = false;
  uint64_t started = 0;
  std::array<uint64_t, kStatusCodes> finished{};
  std::array<uint64_t, kLatencyBounds.size() + 1> latency_buckets{};
  absl::Duration latency_sum;
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t messages_sent = 0;
};

// The live counters behind MethodStats. Lock-free; a snapshot is not one instant's.
class alignas(64) MethodCounters {
 public:
  void Started(uint64_t request_bytes);
  // A message after the first request.
  void Received(uint64_t bytes);
  void Sent(uint64_t bytes);
  void Finished(absl::StatusCode code, absl::Duration latency);
  // Everything but the name and the kind.
  MethodStats Snapshot() const;

 private:
  std::atomic<uint64_t> started_{0};
  std::array<std::atomic<uint64_t>, kStatusCodes> finished_{};
  std::array<std::atomic<uint64_t>, kLatencyBounds.size() + 1> latency_buckets_{};
  std::atomic<uint64_t> latency_nanos_{0};
  std::atomic<uint64_t> bytes_received_{0};
  std::atomic<uint64_t> bytes_sent_{0};
  std::atomic<uint64_t> messages_sent_{0};
};

}  // namespace modelref

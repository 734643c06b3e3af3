#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/mutex.h"
#include "service/auth/caller.h"
#include "service/rpc/queue_timers.h"

namespace modelref {

// What one caller may take of the server: open streams, and calls in a second. Thread-safe.
//
// An identified caller is its id. Without an identity, streams are counted by connection, because
// many may share an address, and not at all for processes of this machine; calls are counted by
// address (of IPv6 by the /64), those of refused credentials too.
class CallerLimits {
 public:
  struct Options {
    int streams_per_caller = 16;
    int calls_per_second = 0;  // 0: any number. Bursts may be as large.
  };
  struct Stats {
    uint64_t streams_refused = 0;
    uint64_t calls_refused = 0;
  };

  explicit CallerLimits(const Options& options) : options_(options) {}

  // `peer` in gRPC's notation.
  //   RESOURCE_EXHAUSTED RATE_LIMIT   with the time after which there is room for a call.
  absl::Status TakeCall(const Caller& caller, absl::string_view peer, SteadyTime now);

  // A place for a stream, to be held while it is open; null when it is not counted.
  //   RESOURCE_EXHAUSTED STREAM_LIMIT
  absl::StatusOr<std::shared_ptr<const void>> TakeStream(const Caller& caller,
                                                         absl::string_view peer);

  // Whether TakeCall may ever refuse.
  bool counts_calls() const { return options_.calls_per_second != 0; }

  Stats stats() const;

 private:
  class Place;
  struct Allowance {
    double calls = 0;
    SteadyTime earned;
  };

  void Leave(const std::string& key);
  void DropFullLocked(SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  Mutex mutex_;
  std::unordered_map<std::string, int> streams_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Allowance> allowances_ ABSL_GUARDED_BY(mutex_);
  SteadyTime dropped_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> streams_refused_{0};
  std::atomic<uint64_t> calls_refused_{0};
};

}  // namespace modelref

#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/base/mutex.h"
#include "service/rpc/queue_timers.h"

namespace modelref {

// Watches over the server from within: calls it as a client would, and looks at the memory it uses.
// Thread-safe.
class Watchdog {
 public:
  struct Options {
    absl::Duration interval = absl::Seconds(10);  // Between two probes; zero: never.
    // As long as probes succeed, or with none, this runs at least every `feed_interval`.
    absl::Duration feed_interval = absl::InfiniteDuration();
    uint64_t memory_limit_bytes = 0;  // 0: none.
  };
  struct Hooks {
    std::function<absl::Status()> probe;  // May block for its own timeout. Null: none.
    std::function<void()> feed;
    std::function<uint64_t()> memory_used;
    std::function<void(bool)> set_memory_short;  // Called when it changes.
  };
  struct Status {
    uint64_t probes = 0;
    uint64_t failures = 0;
    int failing_for = 0;   // Probes in a row that failed.
    absl::Status failure;  // Of the last probe.
    absl::Duration last_took;
    bool memory_short = false;
  };

  Watchdog(const Options& options, Hooks hooks);
  // Stops.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // No hook runs after this; waits for a running probe. Idempotent.
  void Stop();
  Status status() const;

 private:
  void Run();
  void Probe();
  void LookAtMemory();
  // What is due, and when something is due again.
  SteadyTime Tick(SteadyTime now);

  const Options options_;
  const Hooks hooks_;
  mutable Mutex mutex_;
  CondVar stop_requested_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Status status_ ABSL_GUARDED_BY(mutex_);
  SteadyTime next_probe_;  // The rest is of the thread.
  SteadyTime next_feed_;
  std::thread thread_;
};

}  // namespace modelref

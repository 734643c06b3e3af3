#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "backends/cache_entry.h"

namespace modelref {

// One load of one document, shared by everybody who needs its answer. Thread-safe.
//
// A load is run by whoever claims it: the caller that started it, a thread of the executor it was
// submitted to, or a blocking caller that would otherwise wait for that thread. So a blocking
// caller only ever waits for a load that some thread is running, and cannot wait for itself.
class CacheLoad {
 public:
  struct Result {
    absl::Status status;
    CacheEntryPtr entry;  // What is cached after the load; null when nothing is.
  };
  using Callback = std::function<void(const Result&)>;

  CacheLoad(DocumentKey load_key, FetchMode source_mode, uint64_t load_sequence,
            uint64_t load_generation, absl::Time now)
      : key(std::move(load_key)),
        mode(source_mode),
        sequence(load_sequence),
        generation(load_generation),
        started_at(now) {}

  // True for the one caller that has to run the load.
  bool Claim() { return !claimed_.exchange(true); }

  Result Wait() ABSL_LOCKS_EXCLUDED(mutex_);
  // `callback` runs on the thread that delivers the result; at once when there is one.
  void OnFinish(Callback callback) ABSL_LOCKS_EXCLUDED(mutex_);
  // Wakes the waiters and hands out the callbacks, which the caller runs. Once.
  std::vector<Callback> Finish(const Result& result) ABSL_LOCKS_EXCLUDED(mutex_);

  const DocumentKey key;
  const FetchMode mode;       // For the source.
  const uint64_t sequence;    // Ascending in the order in which loads of a cache start.
  const uint64_t generation;  // Of the document when the load started.
  const absl::Time started_at;

 private:
  std::atomic<bool> claimed_{false};
  Mutex mutex_;
  CondVar finished_;
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
  Result result_ ABSL_GUARDED_BY(mutex_);
  std::vector<Callback> callbacks_ ABSL_GUARDED_BY(mutex_);
};
using CacheLoadPtr = std::shared_ptr<CacheLoad>;

}  // namespace modelref

#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/document_key.h"
#include "backends/base/mutex.h"
#include "backends/cache_entry.h"
#include "backends/cache_load.h"
#include "backends/snapshot_cell.h"

namespace modelref {

// The state of a cache and its rules, without I/O, callbacks or clock. Thread-safe.
//
// Each document has a generation, which a mark advances: a load belongs to the generation in which
// it started, is joined only by readers of that generation, and makes the document fresh only if
// that is still the current one. Memory is kept for documents that are cached or being loaded, and
// for no others.
class CacheTable {
 public:
  using Entries = std::map<DocumentKey, CacheEntryPtr>;

  CacheTable() = default;
  CacheTable(const CacheTable&) = delete;
  CacheTable& operator=(const CacheTable&) = delete;

  // Copies one pointer; waits for no load and no change.
  std::shared_ptr<const Entries> entries() const { return published_.Get(); }
  CacheEntryPtr Find(const DocumentKey& key) const;
  // Documents that memory is kept for: cached, or being loaded.
  size_t tracked() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Advances the generation, and makes a cached document stale.
  void Mark(const DocumentKey& key, absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes `entry` stale if it is still what is cached and fresh. True for the one caller whose call
  // was the step.
  bool MarkIfCurrent(const DocumentKey& key, const CacheEntryPtr& entry, StaleCause cause,
                     absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes `entry` fresh as of `checked_at` if it is still what is cached.
  void RenewIfCurrent(const DocumentKey& key, const CacheEntryPtr& entry, absl::Time checked_at)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // How a caller gets its answer: `entry` when one was stored since the caller looked, else `load`,
  // which the caller has to start when `is_leader`.
  struct Ticket {
    CacheEntryPtr entry;
    CacheLoadPtr load;
    bool is_leader = false;
  };
  // For a caller that found `seen` (null: nothing) unfit: shares the load of the current
  // generation. After a mark or a change of the source that load passes every cache below as well.
  Ticket Join(const DocumentKey& key, const CacheEntryPtr& seen, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // For a caller that wants what the source holds from now on: a load of its own.
  CacheLoadPtr StartBypass(const DocumentKey& key, absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends a load. A failure leaves the snapshot as it is. The answer of a load that started before
  // the one that brought what is cached is dropped. `began_failing`: this is the first failure
  // since a success or a mark. `became_stale`: it was the step from fresh to stale.
  struct Outcome {
    CacheEntryPtr entry;
    bool began_failing = false;
    bool became_stale = false;
  };
  Outcome Finish(const CacheLoadPtr& load, const absl::StatusOr<SnapshotPtr>& loaded,
                 absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends a load that never asked the source: nothing is learned from it. Returns what is cached.
  CacheEntryPtr Abandon(const CacheLoadPtr& load) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Slot {
    CacheEntryPtr entry;
    uint64_t generation = 0;
    uint64_t stored_sequence = 0;  // Of the load that brought the snapshot.
    CacheLoadPtr joinable;         // The newest load.
    size_t running = 0;
  };

  CacheLoadPtr StartLocked(const DocumentKey& key, FetchMode mode, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Forgets a load, and the slot with it when nothing else needs it.
  void ReleaseLocked(const CacheLoadPtr& load) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishLocked(const DocumentKey& key, CacheEntry entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  SnapshotCell<Entries> published_{std::make_shared<const Entries>()};
  mutable Mutex mutex_;
  std::map<DocumentKey, Slot> slots_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace modelref

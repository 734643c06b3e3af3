#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/backend.h"
#include "backends/backend_statistics.h"
#include "backends/base/clock.h"
#include "backends/base/executor.h"
#include "backends/cache_table.h"

namespace modelref {

// The cache of the original (its ReplicaBackendBase, H 3.2) as a decorator of any source; each
// document is cached on its own. Thread-safe; no source, probe or callback is called under a lock,
// so each of them may call the cache again.
//
// A document is fresh from a successful load until its TTL has passed, its version changed, a load
// of it failed, or somebody marked it. Reads of what is not fresh share one load per document,
// whichever form they use; a read that starts after MarkStale never shares a load that started
// before it. What arrives from such a load is stored, but stays stale. A failed load changes no
// content: the last good snapshot is served as stale, unless the options forbid it. NOT_FOUND is a
// failure like any other and is not remembered.
class CachingBackend final : public ModelReferenceBackend,
                             public CacheWarmer,
                             public StatisticsSource,
                             public std::enable_shared_from_this<CachingBackend> {
 public:
  // kEveryRead         also before a cached answer; for probes that cost microseconds.
  // kRevalidationOnly  only in Revalidate and RefreshAhead; for probes that ask the network.
  enum class ProbeUse { kEveryRead, kRevalidationOnly };

  struct Options {
    std::string name = "caching";                   // In statistics.
    absl::Duration ttl = absl::InfiniteDuration();  // Infinite = never expires.
    std::shared_ptr<VersionProbe> probe;            // May be null. An error counts as not fresh.
    ProbeUse probe_use = ProbeUse::kEveryRead;
    // May be null. False makes reads load again, but is neither a mark nor asked by NeedsRefresh.
    std::function<bool(const DocumentKey&)> still_valid;
    // False: a failed load is the caller's error. For a cache below another one, which could not
    // tell what is stale.
    bool serve_last_good = true;
    // True: an answer without records is a failed load when the last good one had some.
    bool distrust_empty = false;
    // After a failed load the last good snapshot is served for this long without asking again,
    // unless the document is marked.
    absl::Duration retry_interval = absl::ZeroDuration();
  };

  // Runs on the thread that found the document stale, with no lock held.
  using InvalidationCallback = std::function<void(const DocumentKey&, StaleCause)>;
  using StateCallback = std::function<void(absl::StatusOr<CachedSnapshot>)>;

  // `clock` and `executor`, which runs the loads of the asynchronous form, must outlive the cache
  // and its loads. Loads in flight keep the cache alive.
  static std::shared_ptr<CachingBackend> Make(std::shared_ptr<ModelReferenceBackend> source,
                                              Options options, Clock& clock, Executor& executor);

  // Errors are those of the source, with nothing (or, by the options, nothing fresh) to serve, and
  // DATA_LOSS for an answer that is suspect beside the last good one. With kBypassCaches also when
  // there is a last good one: the caller could not tell. A probe of kEveryRead and a cached answer
  // run on the caller's thread in both forms.
  absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key, FetchMode mode) override;
  void FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) override;
  // The same with the state beside the content; last-good also answers kBypassCaches.
  absl::StatusOr<CachedSnapshot> FetchWithState(const DocumentKey& key, FetchMode mode);
  void FetchWithStateAsync(const DocumentKey& key, FetchMode mode, StateCallback done);
  // What is cached now, asking nobody; none when nothing is.
  std::optional<CachedSnapshot> Peek(const DocumentKey& key) const;
  std::vector<std::string> Categories() const override { return source_->Categories(); }

  // Loaded at least once, stale or not.
  bool HasCachedData(const DocumentKey& key) const;
  // Cached and fresh. This, NeedsRefresh and ShouldFetchData look at TTL and probe, and the one
  // call that finds a fresh document outdated makes it stale and notifies.
  bool IsCacheValid(const DocumentKey& key);
  // Cached and not fresh. False when nothing is cached, marked or not.
  bool NeedsRefresh(const DocumentKey& key);
  bool ShouldFetchData(const DocumentKey& key) { return !IsCacheValid(key); }

  // Makes the next read load from the source, through the caches below, then notifies: always, also
  // when nothing is cached or the document is stale already.
  void MarkStale(const DocumentKey& key);
  // The same without notifying.
  void Invalidate(const DocumentKey& key);
  // `callback` is called from now on at every step from fresh to stale, after those registered
  // before it, for the life of the cache. One that throws is logged and does not stop the others.
  void RegisterInvalidationCallback(InvalidationCallback callback);

  // Takes effect at the next look at a document.
  void SetTtl(absl::Duration ttl);
  absl::Duration ttl() const;

  // Makes a document fresh as of now: by the probe alone when it sees the version that is cached,
  // by a load otherwise. A mark always means a load. Errors as Fetch, and those of the probe.
  absl::Status Revalidate(const DocumentKey& key);
  // Revalidates what is cached and stale, has a probe, or expires within `margin`; called
  // periodically it keeps readers from ever waiting. Returns how each of these ended.
  std::map<DocumentKey, absl::Status> RefreshAhead(absl::Duration margin);
  // Loads every document of both formats that is not cached and fresh, in parallel.
  std::map<DocumentKey, absl::Status> WarmCache() override;

  BackendStatistics Statistics() const override;

 private:
  class LoadTask;
  enum class Freshness { kFresh, kOutdated, kUnknown };

  CachingBackend(std::shared_ptr<ModelReferenceBackend> source, Options options, Clock& clock,
                 Executor& executor);

  CacheTable::Ticket Begin(const DocumentKey& key, FetchMode mode);
  bool CanServe(const DocumentKey& key, const CacheEntryPtr& entry);
  bool IsFresh(const DocumentKey& key, const CacheEntryPtr& entry);
  Freshness Look(const DocumentKey& key, const CacheEntryPtr& entry);
  Freshness LookByProbe(const DocumentKey& key, const CacheEntryPtr& entry);
  bool HasExpired(const CacheEntry& entry, absl::Duration margin) const;
  void FoundOutdated(const DocumentKey& key, const CacheEntryPtr& entry, StaleCause cause);
  void Notify(const DocumentKey& key, StaleCause cause);

  // Who runs a load, and therefore where asynchronous callers get their answers.
  enum class Runner { kBlockingCaller, kExecutor };
  void Submit(const CacheLoadPtr& load);
  void Run(const CacheLoadPtr& load, Runner runner);
  void Finish(const CacheLoadPtr& load, const absl::StatusOr<SnapshotPtr>& loaded, Runner runner);
  void Deliver(const CacheLoadPtr& load, const CacheLoad::Result& result, Runner runner);
  absl::Status Distrust(const DocumentKey& key, const Snapshot& loaded) const;
  CacheLoad::Result RunOrWait(const CacheLoadPtr& load);
  absl::StatusOr<CachedSnapshot> Answer(const CacheLoad::Result& result) const;
  CachedSnapshot StateOf(const CacheEntry& entry) const;

  const std::shared_ptr<ModelReferenceBackend> source_;
  const Options options_;
  Clock& clock_;
  Executor& executor_;
  std::atomic<int64_t> ttl_nanoseconds_;
  CacheTable table_;
  StatisticsCounter statistics_;
  Mutex callbacks_mutex_;
  std::vector<std::shared_ptr<const InvalidationCallback>> callbacks_
      ABSL_GUARDED_BY(callbacks_mutex_);
};

}  // namespace modelref

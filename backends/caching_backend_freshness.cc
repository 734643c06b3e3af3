// What CachingBackend takes for fresh, and how it keeps it so.

#include <exception>
#include <limits>
#include <utility>

#include "backends/base/log.h"
#include "backends/caching_backend.h"

namespace modelref {
namespace {

constexpr int64_t kInfiniteTtl = std::numeric_limits<int64_t>::max();

}  // namespace

bool CachingBackend::HasCachedData(const DocumentKey& key) const {
  return table_.Find(key) != nullptr;
}

bool CachingBackend::IsCacheValid(const DocumentKey& key) {
  const CacheEntryPtr entry = table_.Find(key);
  return entry != nullptr && IsFresh(key, entry);
}

bool CachingBackend::NeedsRefresh(const DocumentKey& key) {
  const CacheEntryPtr entry = table_.Find(key);
  return entry != nullptr && Look(key, entry) != Freshness::kFresh;
}

bool CachingBackend::CanServe(const DocumentKey& key, const CacheEntryPtr& entry) {
  if (entry == nullptr) return false;
  if (IsFresh(key, entry)) return true;
  return options_.serve_last_good && !entry->last_error.ok() &&
         absl::AbsDuration(clock_.TimeNow() - entry->failed_at) < options_.retry_interval;
}

bool CachingBackend::IsFresh(const DocumentKey& key, const CacheEntryPtr& entry) {
  return Look(key, entry) == Freshness::kFresh &&
         (options_.still_valid == nullptr || options_.still_valid(key));
}

CachingBackend::Freshness CachingBackend::Look(const DocumentKey& key, const CacheEntryPtr& entry) {
  if (entry->stale) return Freshness::kOutdated;
  if (HasExpired(*entry, absl::ZeroDuration())) {
    FoundOutdated(key, entry, StaleCause::kTtl);
    return Freshness::kOutdated;
  }
  if (options_.probe == nullptr || options_.probe_use == ProbeUse::kRevalidationOnly) {
    return Freshness::kFresh;
  }
  return LookByProbe(key, entry);
}

CachingBackend::Freshness CachingBackend::LookByProbe(const DocumentKey& key,
                                                      const CacheEntryPtr& entry) {
  const absl::StatusOr<std::string> version = options_.probe->CurrentVersion(key);
  if (!version.ok()) return Freshness::kUnknown;
  if (*version == entry->snapshot->version) return Freshness::kFresh;
  FoundOutdated(key, entry, StaleCause::kSourceChanged);
  return Freshness::kOutdated;
}

bool CachingBackend::HasExpired(const CacheEntry& entry, absl::Duration margin) const {
  const absl::Duration limit = ttl();
  if (limit == absl::InfiniteDuration()) return false;
  const absl::Duration age = clock_.TimeNow() - entry.checked_at;
  // A clock that was set back must not keep a document for ever.
  return age + margin > limit || age < -limit;
}

void CachingBackend::FoundOutdated(const DocumentKey& key, const CacheEntryPtr& entry,
                                   StaleCause cause) {
  if (table_.MarkIfCurrent(key, entry, cause, clock_.TimeNow())) Notify(key, cause);
}

void CachingBackend::MarkStale(const DocumentKey& key) {
  Invalidate(key);
  Notify(key, StaleCause::kMarked);
}

void CachingBackend::Invalidate(const DocumentKey& key) { table_.Mark(key, clock_.TimeNow()); }

void CachingBackend::RegisterInvalidationCallback(InvalidationCallback callback) {
  auto shared = std::make_shared<const InvalidationCallback>(std::move(callback));
  MutexLock lock(&callbacks_mutex_);
  callbacks_.push_back(std::move(shared));
}

void CachingBackend::Notify(const DocumentKey& key, StaleCause cause) {
  std::vector<std::shared_ptr<const InvalidationCallback>> callbacks;
  {
    MutexLock lock(&callbacks_mutex_);
    callbacks = callbacks_;
  }
  for (const auto& callback : callbacks) {
    // The one place that catches: a stranger's mistake must not hide the change from the others.
    std::string failure;
    try {
      (*callback)(key, cause);
      continue;
    } catch (const std::exception& exception) {
      failure = exception.what();
    } catch (...) {
      failure = "not a std::exception";
    }
    Log(LogLevel::kError, "cache.callback_failed",
        {{"document", key.ToString()},
         {"cause", std::string(StaleCauseName(cause))},
         {"error", failure}});
  }
}

void CachingBackend::SetTtl(absl::Duration ttl) {
  ttl_nanoseconds_ = ttl == absl::InfiniteDuration() ? kInfiniteTtl : absl::ToInt64Nanoseconds(ttl);
}

absl::Duration CachingBackend::ttl() const {
  const int64_t nanoseconds = ttl_nanoseconds_;
  return nanoseconds == kInfiniteTtl ? absl::InfiniteDuration() : absl::Nanoseconds(nanoseconds);
}

absl::Status CachingBackend::Revalidate(const DocumentKey& key) {
  const CacheEntryPtr entry = table_.Find(key);
  const bool may_renew = entry != nullptr && options_.probe != nullptr &&
                         (!entry->stale || entry->cause == StaleCause::kTtl);
  if (may_renew) {
    const absl::Time asked_at = clock_.TimeNow();
    const absl::StatusOr<std::string> version = options_.probe->CurrentVersion(key);
    if (!version.ok()) return version.status();
    if (*version == entry->snapshot->version) {
      table_.RenewIfCurrent(key, entry, asked_at);
      return absl::OkStatus();
    }
    FoundOutdated(key, entry, StaleCause::kSourceChanged);
  }
  const CacheTable::Ticket ticket = table_.Join(key, table_.Find(key), clock_.TimeNow());
  if (ticket.load == nullptr) return absl::OkStatus();
  if (ticket.is_leader) statistics_.CountRefresh();
  return RunOrWait(ticket.load).status;
}

std::map<DocumentKey, absl::Status> CachingBackend::RefreshAhead(absl::Duration margin) {
  std::map<DocumentKey, absl::Status> refreshed;
  const std::shared_ptr<const CacheTable::Entries> entries = table_.entries();
  for (const auto& [key, entry] : *entries) {
    if (entry->stale || options_.probe != nullptr || HasExpired(*entry, margin)) {
      refreshed[key] = Revalidate(key);
    }
  }
  return refreshed;
}

std::map<DocumentKey, absl::Status> CachingBackend::WarmCache() {
  std::map<DocumentKey, absl::Status> warmed;
  std::map<DocumentKey, CacheLoadPtr> loads;
  for (const std::string& category : Categories()) {
    for (const Format format : {Format::kV2, Format::kLegacy}) {
      const DocumentKey key{category, format};
      const CacheTable::Ticket ticket = Begin(key, FetchMode::kAllowCaches);
      warmed[key] = absl::OkStatus();
      if (ticket.load != nullptr) loads[key] = ticket.load;
      if (ticket.is_leader) Submit(ticket.load);
    }
  }
  for (const auto& [key, load] : loads) warmed[key] = RunOrWait(load).status;
  return warmed;
}

}  // namespace modelref

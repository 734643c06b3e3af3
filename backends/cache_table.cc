#include "backends/cache_table.h"

#include <utility>

namespace modelref {
namespace {

void MakeStale(StaleCause cause, absl::Time now, CacheEntry* entry) {
  entry->stale = true;
  entry->cause = cause;
  entry->stale_since = now;
}

// A cache below may still hold what was just declared outdated.
bool DistrustsCachesBelow(const CacheEntry& entry) {
  return entry.stale &&
         (entry.cause == StaleCause::kMarked || entry.cause == StaleCause::kSourceChanged);
}

}  // namespace

absl::string_view StaleCauseName(StaleCause cause) {
  switch (cause) {
    case StaleCause::kMarked:
      return "marked";
    case StaleCause::kTtl:
      return "ttl";
    case StaleCause::kSourceChanged:
      return "source_changed";
    case StaleCause::kRefreshFailed:
      return "refresh_failed";
  }
  return "unknown";
}

CacheEntryPtr CacheTable::Find(const DocumentKey& key) const {
  const std::shared_ptr<const Entries> all = entries();
  const auto found = all->find(key);
  return found == all->end() ? nullptr : found->second;
}

size_t CacheTable::tracked() const {
  MutexLock lock(&mutex_);
  return slots_.size();
}

void CacheTable::Mark(const DocumentKey& key, absl::Time now) {
  MutexLock lock(&mutex_);
  const auto slot = slots_.find(key);
  if (slot == slots_.end()) return;
  ++slot->second.generation;
  if (slot->second.entry == nullptr) return;
  CacheEntry entry = *slot->second.entry;
  if (!entry.stale) entry.stale_since = now;
  entry.stale = true;
  // Stronger than any other cause: the next load must reach the source, and at once.
  entry.cause = StaleCause::kMarked;
  entry.last_error = absl::OkStatus();
  PublishLocked(key, std::move(entry));
}

bool CacheTable::MarkIfCurrent(const DocumentKey& key, const CacheEntryPtr& entry, StaleCause cause,
                               absl::Time now) {
  MutexLock lock(&mutex_);
  const auto slot = slots_.find(key);
  if (slot == slots_.end() || slot->second.entry != entry || entry->stale) return false;
  CacheEntry stale = *entry;
  MakeStale(cause, now, &stale);
  PublishLocked(key, std::move(stale));
  return true;
}

void CacheTable::RenewIfCurrent(const DocumentKey& key, const CacheEntryPtr& entry,
                                absl::Time checked_at) {
  MutexLock lock(&mutex_);
  const auto slot = slots_.find(key);
  if (slot == slots_.end() || slot->second.entry != entry) return;
  CacheEntry fresh;
  fresh.snapshot = entry->snapshot;
  fresh.checked_at = checked_at;
  PublishLocked(key, std::move(fresh));
}

CacheTable::Ticket CacheTable::Join(const DocumentKey& key, const CacheEntryPtr& seen,
                                    absl::Time now) {
  MutexLock lock(&mutex_);
  const Slot& slot = slots_[key];
  if (slot.entry != seen && slot.entry != nullptr && !slot.entry->stale) {
    return Ticket{slot.entry, nullptr, false};
  }
  if (slot.joinable != nullptr && slot.joinable->generation == slot.generation) {
    return Ticket{nullptr, slot.joinable, false};
  }
  const bool distrust = slot.entry != nullptr && DistrustsCachesBelow(*slot.entry);
  const FetchMode mode = distrust ? FetchMode::kBypassCaches : FetchMode::kAllowCaches;
  return Ticket{nullptr, StartLocked(key, mode, now), true};
}

CacheLoadPtr CacheTable::StartBypass(const DocumentKey& key, absl::Time now) {
  MutexLock lock(&mutex_);
  return StartLocked(key, FetchMode::kBypassCaches, now);
}

CacheLoadPtr CacheTable::StartLocked(const DocumentKey& key, FetchMode mode, absl::Time now) {
  Slot& slot = slots_[key];
  ++slot.running;
  slot.joinable = std::make_shared<CacheLoad>(key, mode, ++last_sequence_, slot.generation, now);
  return slot.joinable;
}

CacheTable::Outcome CacheTable::Finish(const CacheLoadPtr& load,
                                       const absl::StatusOr<SnapshotPtr>& loaded, absl::Time now) {
  std::shared_ptr<const Entries> previous;  // A large document is destroyed after the lock.
  MutexLock lock(&mutex_);
  previous = published_.Get();
  Slot& slot = slots_[load->key];
  Outcome outcome;
  const bool is_newest = load->sequence > slot.stored_sequence;
  if (is_newest && loaded.ok()) {
    CacheEntry entry;
    entry.snapshot = *loaded;
    entry.checked_at = load->started_at;
    if (slot.generation != load->generation) MakeStale(StaleCause::kMarked, now, &entry);
    slot.stored_sequence = load->sequence;
    PublishLocked(load->key, std::move(entry));
  } else if (is_newest && slot.entry != nullptr) {
    CacheEntry entry = *slot.entry;
    outcome.became_stale = !entry.stale;
    if (!entry.stale) MakeStale(StaleCause::kRefreshFailed, now, &entry);
    // A mark during the load asks for another one at once; this failure must not put it off.
    if (slot.generation == load->generation) {
      outcome.began_failing = entry.last_error.ok();
      entry.last_error = loaded.status();
      entry.failed_at = now;
    }
    PublishLocked(load->key, std::move(entry));
  }
  outcome.entry = slot.entry;
  ReleaseLocked(load);
  return outcome;
}

CacheEntryPtr CacheTable::Abandon(const CacheLoadPtr& load) {
  MutexLock lock(&mutex_);
  CacheEntryPtr entry = slots_[load->key].entry;
  ReleaseLocked(load);
  return entry;
}

void CacheTable::ReleaseLocked(const CacheLoadPtr& load) {
  const auto found = slots_.find(load->key);
  Slot& slot = found->second;
  --slot.running;
  if (slot.joinable == load) slot.joinable = nullptr;
  if (slot.entry == nullptr && slot.running == 0) slots_.erase(found);
}

void CacheTable::PublishLocked(const DocumentKey& key, CacheEntry entry) {
  auto shared = std::make_shared<const CacheEntry>(std::move(entry));
  slots_[key].entry = shared;
  auto copy = std::make_shared<Entries>(*published_.Get());
  (*copy)[key] = std::move(shared);
  published_.Set(std::move(copy));
}

}  // namespace modelref

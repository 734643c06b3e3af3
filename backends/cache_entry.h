#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/backend.h"

namespace modelref {

// Why a cached document became stale.
//   kMarked         somebody said so.
//   kTtl            its time to live ran out.
//   kSourceChanged  the VersionProbe saw another version.
//   kRefreshFailed  a load failed while the document was fresh.
enum class StaleCause { kMarked, kTtl, kSourceChanged, kRefreshFailed };

// "marked", "ttl", "source_changed" or "refresh_failed", for logs.
absl::string_view StaleCauseName(StaleCause cause);

// An answer of a cache and how far it can be trusted.
struct CachedSnapshot {
  SnapshotPtr snapshot;      // Never null.
  bool stale = false;        // Known or suspected to be outdated: the last good one.
  absl::Duration stale_age;  // For how long it has been; zero when fresh.
  absl::Status last_error;   // Why it could not be read anew; OK when that was not tried.
};

// What a cache knows of one document. Immutable: a change publishes another entry.
struct CacheEntry {
  SnapshotPtr snapshot;   // Never null.
  absl::Time checked_at;  // When the source was last asked and held exactly this.
  bool stale = false;
  // The first reason since it was fresh, and when; unused when fresh.
  StaleCause cause = StaleCause::kMarked;
  absl::Time stale_since;
  // Of the latest load, unless a mark came after it.
  absl::Status last_error;
  absl::Time failed_at;
};
using CacheEntryPtr = std::shared_ptr<const CacheEntry>;

}  // namespace modelref

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "backends/base/document_key.h"
#include "backends/base/mutex.h"
#include "backends/document.h"

namespace modelref {

// One part per chunk of `document`: those of `older` for the chunks that it shares, make(chunk) for
// the others. A Part has a member std::weak_ptr<const Chunk> chunk.
template <typename Part, typename Make>
std::vector<std::shared_ptr<const Part>> PartsOf(
    const Document& document, const std::vector<std::shared_ptr<const Part>>& older, Make make) {
  std::unordered_map<const Chunk*, std::shared_ptr<const Part>> known;
  for (const auto& part : older) {
    if (const auto chunk = part->chunk.lock(); chunk != nullptr) known.emplace(chunk.get(), part);
  }
  std::vector<std::shared_ptr<const Part>> parts;
  parts.reserve(document.chunks().size());
  for (const auto& chunk : document.chunks()) {
    const auto it = known.find(chunk.get());
    parts.push_back(it == known.end() ? make(chunk) : it->second);
  }
  return parts;
}

// Keeps what was derived from the newest snapshot it saw of each document, and derives the next one
// from it. Does not keep documents alive.
//
// Derived has a constructor (const DocumentKey&, const Document&, const Derived* older), where
// `older` may be null and belongs to any earlier snapshot, and size_t bytes() const, which may
// grow.
//
// Thread-safe. Callers that ask for the same document while it is derived wait for one derivation;
// those of other documents do not wait.
template <typename Derived>
class DerivedCache {
 public:
  // Above `budget_bytes` the least recently used are dropped, but never the one just asked for.
  explicit DerivedCache(size_t budget_bytes) : budget_bytes_(budget_bytes) {}

  // `document` must be a snapshot of the document that `key` names.
  std::shared_ptr<const Derived> Get(const DocumentKey& key, const DocumentPtr& document)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const std::shared_ptr<Slot> slot = SlotOf(key);
    std::shared_ptr<const Derived> derived;
    {
      const MutexLock lock(&slot->mutex);
      if (slot->derived == nullptr || slot->document.lock() != document) {
        slot->derived = std::make_shared<const Derived>(key, *document, slot->derived.get());
        slot->document = document;
      }
      derived = slot->derived;
    }
    Account(key, slot, derived->bytes());
    return derived;
  }

  // Of memory, about, for all documents.
  size_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    size_t sum = 0;
    for (const auto& [key, place] : places_) sum += place.bytes;
    return sum;
  }

 private:
  struct Slot {
    Mutex mutex;
    std::weak_ptr<const Document> document ABSL_GUARDED_BY(mutex);
    std::shared_ptr<const Derived> derived ABSL_GUARDED_BY(mutex);
  };
  struct Place {
    std::shared_ptr<Slot> slot;
    uint64_t last_use = 0;
    size_t bytes = 0;
  };

  std::shared_ptr<Slot> SlotOf(const DocumentKey& key) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    Place& place = places_[key];
    if (place.slot == nullptr) place.slot = std::make_shared<Slot>();
    place.last_use = ++uses_;
    return place.slot;
  }

  void Account(const DocumentKey& key, const std::shared_ptr<Slot>& slot, size_t bytes)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    const auto own = places_.find(key);
    // Another caller may have dropped it meanwhile.
    if (own != places_.end() && own->second.slot == slot) own->second.bytes = bytes;
    size_t sum = 0;
    for (const auto& [other, place] : places_) sum += place.bytes;
    while (sum > budget_bytes_) {
      auto oldest = places_.end();
      for (auto it = places_.begin(); it != places_.end(); ++it) {
        const bool can_go = it->first != key && it->second.bytes > 0;
        if (!can_go) continue;
        if (oldest == places_.end() || it->second.last_use < oldest->second.last_use) oldest = it;
      }
      if (oldest == places_.end()) return;
      sum -= oldest->second.bytes;
      places_.erase(oldest);
    }
  }

  const size_t budget_bytes_;
  mutable Mutex mutex_;
  std::map<DocumentKey, Place> places_ ABSL_GUARDED_BY(mutex_);
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace modelref

#include "service/watch/watch_counters.h"

namespace modelref {

WatchStatistics WatchCounters::Snapshot() const {
  constexpr std::memory_order kRelaxed = std::memory_order_relaxed;
  WatchStatistics statistics;
  statistics.sessions = sessions_.load(kRelaxed);
  statistics.sessions_total = sessions_total_.load(kRelaxed);
  statistics.messages = messages_.load(kRelaxed);
  statistics.bytes = bytes_.load(kRelaxed);
  statistics.events = events_.load(kRelaxed);
  statistics.folded = folded_.load(kRelaxed);
  statistics.bookmarks = bookmarks_.load(kRelaxed);
  statistics.drains = drains_.load(kRelaxed);
  statistics.cuts_encoded = encoded_.load(kRelaxed);
  statistics.cuts_shared = shared_.load(kRelaxed);
  for (size_t i = 0; i < resumes_.size(); ++i) statistics.resumes[i] = resumes_[i].load(kRelaxed);
  for (size_t i = 0; i < snapshots_.size(); ++i) {
    statistics.snapshots[i] = snapshots_[i].load(kRelaxed);
  }
  return statistics;
}

}  // namespace modelref

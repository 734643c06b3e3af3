#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "service/store/store.h"
#include "service/watch/change_signal.h"
#include "service/watch/cut.h"
#include "service/watch/position_waiter.h"
#include "service/watch/watch_counters.h"
#include "service/watch/watch_request.h"

namespace modelref {

// Where sessions learn about changes and share what they send: a cut is encoded once per class of
// filter, however many streams send it. Thread-safe. Must outlive its sessions. What is virtual is
// where tests put faults in.
class WatchHub {
 public:
  using Statistics = WatchStatistics;

  // One step of a stream: encoded messages, and where they lead.
  struct Cut {
    std::vector<EncodedMessage> messages;  // None when nothing watched changed.
    Position end;
    bool exact = true;    // The transactions in it were known.
    uint64_t events = 0;  // In the messages; none for snapshots and bookmarks.
    uint64_t folded = 0;  // Of these: those of several transactions.
  };
  using CutPtr = std::shared_ptr<const Cut>;

  // All must outlive the hub. `egress_bytes_per_second`: what the reads that follow an event may
  // take together; 0: nobody is asked to wait.
  WatchHub(Store& store, PositionWaiter& positions, std::string node_id,
           uint64_t egress_bytes_per_second = 0);
  virtual ~WatchHub() = default;
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  ChangeSignal& changes() { return changes_; }
  const std::string& node_id() const { return node_id_; }
  bool is_replica() const { return positions_.is_replica(); }
  absl::Status ErrorFor(Standing standing, const Position& position) const {
    return positions_.ErrorFor(standing, position);
  }

  virtual RootPtr root() const { return store_.root(); }
  // As PositionWaiter::Await.
  virtual void Await(const Position& position, PositionWaiter::Callback done);
  // The next cut after the revision `after`, at most up to the root; all of it when `whole`.
  virtual CutPtr NextCut(const Root& root, const WatchPlan& plan, uint64_t after, bool whole);
  // From SnapshotBegin to SnapshotEnd at the root's revision. What is in the client's hands by
  // `plan.known` is left out of an initial one.
  virtual CutPtr Snapshot(const Root& root, const WatchPlan& plan, v1::SnapshotReason reason);
  // A bookmark at the root's revision.
  virtual EncodedMessage Bookmark(const Root& root, const WatchedSet& watched);

  // The token that continues a stream after `position`.
  static std::string TokenFor(const Position& position, const WatchedSet& watched);

  WatchCounters& counters() { return counters_; }
  Statistics statistics() const { return counters_.Snapshot(); }

 protected:
  virtual std::optional<std::vector<CommittedTransactionPtr>> History(uint64_t after,
                                                                      uint64_t up_to) const {
    return store_.History(after, up_to);
  }
  // What is under `key`, made by `make` when it is not kept. Two callers may make the same at once.
  virtual CutPtr Shared(const std::string& key, const std::function<CutPtr()>& make);

 private:
  void DropOldestLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_mutex_);
  double SecondsPerFetchedByte() const;
  CutPtr MakeCut(const Root& root, const WatchPlan& plan, uint64_t after, bool whole);

  Store& store_;
  PositionWaiter& positions_;
  const std::string node_id_;
  const uint64_t egress_bytes_per_second_;
  ChangeSignal changes_;

  Mutex cache_mutex_;
  std::list<std::pair<std::string, CutPtr>> recent_ ABSL_GUARDED_BY(cache_mutex_);  // Newest first.
  std::unordered_map<std::string, std::list<std::pair<std::string, CutPtr>>::iterator> by_key_
      ABSL_GUARDED_BY(cache_mutex_);
  size_t recent_bytes_ ABSL_GUARDED_BY(cache_mutex_) = 0;

  WatchCounters counters_;
};

}  // namespace modelref

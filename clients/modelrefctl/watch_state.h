#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "modelref/v1/watch.pb.h"

namespace modelref::ctl {

// What a watch has learnt about the documents, so that after a broken connection only what changed
// meanwhile is told. Single-threaded.
class WatchState {
 public:
  // The documents to name in StartSnapshot, in this order; remembered until the snapshot's end.
  void FillKnown(v1::StartSnapshot* start);

  // A snapshot begins: what it neither lists nor calls unchanged is gone.
  void BeginSnapshot();
  bool in_snapshot() const { return in_snapshot_; }
  // False when the event tells nothing new: the document had this etag already.
  bool Apply(const v1::WatchEvent& event);
  // Ends the snapshot. The deletes that nobody announced.
  std::vector<v1::WatchEvent> EndSnapshot(const v1::SnapshotEnd& end);

  // False when it tells nothing new.
  bool Apply(const v1::Freshness& freshness);
  // A new stream names every stale document once; the others have become fresh.
  void ExpectFreshness();
  // At the first cut or bookmark after that: the documents that became fresh meanwhile.
  std::vector<v1::Freshness> TakeFresh();

 private:
  using Key = std::pair<std::string, v1::Format>;

  std::map<Key, std::string> etags_;
  std::vector<Key> sent_known_;
  std::set<Key> seen_;
  bool in_snapshot_ = false;
  std::set<Key> stale_;
  std::set<Key> unconfirmed_;  // Stale on the stream before, not yet on this one.
};

}  // namespace modelref::ctl

#pragma once

// A hub with one of the faults that other systems had (streaming.md 4.4), to see that the
// validators find it.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "service/watch/watch_hub.h"

namespace modelref::testing {

enum class Fault {
  kNone,
  // etcd15220: a bookmark says the head of the moment, which the stream has not reached.
  kBookmarkOvertakesEvents,
  // k8s91073: an idle stream never hears that the store moved on.
  kBookmarkStandsStill,
  // etcd20221: a position ahead of the store is taken as if it were there.
  kFutureIsParked,
  // etcd14303: who is at a position ahead of the store hears nothing at all.
  kFutureIsSilent,
  // k8s107457: a position beyond the fork is taken as if it were of this history.
  kForkIsIgnored,
  // etcd17529: a reader that lags behind the history gets what is left of it.
  kLeftOverHistoryIsAll,
  // etcd18089, vanadium: what lies right at the floor of the history is skipped.
  kFloorIsSkipped,
  // The statsig proxy: a reader that lagged goes on at the newest state without being told of it.
  kLaggingReaderJumps,
  // k8s86483: only a client that missed nothing continues.
  kNeedlessResync,
  // consul9772: what is shared includes what belongs to one stream.
  kFramingIsShared,
  kFiltersAreShared,
  // etcd19441: a cut is one message, however large.
  kCutIsOneMessage,
  // unleash1603: a snapshot leaves out what the client should forget or learn.
  kSnapshotLacksADocument,
  // unleash9203: a delta does not start from where it says.
  kDeltaLacksARecord,
  // jetcd946: a token says more than the message it came with.
  kTokenIsAhead,
  // python-etcd3 729: a transaction is told in two pieces that both look complete.
  kTransactionIsTorn,
  // The chain that a client verifies is wrong.
  kChainIsBroken,
  // Created promises more than the history holds.
  kExactIsClaimed,
  // A cut is labelled with the epoch of another store.
  kEpochIsOfAnother,
  // A document is told once more, unchanged, with what really changed.
  kEventIsRepeated,
  // Nobody hears that a document became stale.
  kFreshnessIsForgotten,
};

class FaultyHub final : public WatchHub {
 public:
  // `burst` commits something: what other systems' tests do by sleeping at the right place.
  FaultyHub(Store& store, PositionWaiter& positions, Fault fault, std::function<void()> burst);

  RootPtr root() const override;
  void Await(const Position& position, PositionWaiter::Callback done) override;
  CutPtr NextCut(const Root& root, const WatchPlan& plan, uint64_t after, bool whole) override;
  CutPtr Snapshot(const Root& root, const WatchPlan& plan, v1::SnapshotReason reason) override;
  EncodedMessage Bookmark(const Root& root, const WatchedSet& watched) override;

 protected:
  std::optional<std::vector<CommittedTransactionPtr>> History(uint64_t after,
                                                              uint64_t up_to) const override;
  CutPtr Shared(const std::string& key, const std::function<CutPtr()>& make) override;

 private:
  Store& store_;
  const Fault fault_;
  const std::function<void()> burst_;
  EncodedMessage first_bookmark_;
  std::map<std::string, v1::WatchEvent> last_events_;  // By filter.
  Position believed_;                                  // What a client said and was believed.
};

}  // namespace modelref::testing

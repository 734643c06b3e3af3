#pragma once

// Turning the messages of Watch streams into cuts. Internal to clients/cpp.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cpp/watch_table.h"

namespace modelref {

// Follows one stream after the other, puts parts and snapshots together and remembers where the
// next stream may continue. Single-threaded.
class WatchAssembler {
 public:
  // `request` holds filter and payload, and may hold the start of the first stream; without one,
  // streams begin with a snapshot that names what is known.
  explicit WatchAssembler(v1::WatchRequest request);

  WatchTable& table() { return table_; }
  const WatchTable& table() const { return table_; }

  // The request of the next stream. What an earlier stream left half done is forgotten.
  v1::WatchRequest BeginStream();
  // The next message of that stream; the cut that it completes, if any. Created, Drain, Freshness
  // and what is not known complete none.
  //   DATA_LOSS  the stream cannot be right (watch_table.h): end it and call ForgetPosition().
  absl::StatusOr<std::optional<WatchCut>> Take(v1::WatchResponse message);
  // True once a state is held that the stream goes on from.
  bool in_step() const { return phase_ == Phase::kLive; }

  // The next stream begins with a snapshot, not where the last one ended.
  void ForgetPosition();
  // True when the stream was asked to continue from somewhere, and has not said yes yet.
  bool resuming() const { return resuming_; }

  // The whole state, asked for without a stream. The next stream begins with a snapshot.
  absl::StatusOr<WatchCut> TakeListing(const v1::ResponseHeader& header,
                                       const std::vector<v1::WatchEvent>& entries);

  // What became stale or fresh, or why. False when it tells nothing new.
  bool TakeFreshness(const v1::Freshness& freshness);
  // The documents that became fresh unheard: while no stream was open, or with a snapshot. A server
  // names what is stale right after Created and SnapshotEnd: to be asked after the next cut.
  std::vector<v1::Freshness> TakeFresh();

 private:
  enum class Phase {
    kOpening,         // Created is to come.
    kBeforeSnapshot,  // SnapshotBegin is to come.
    kInSnapshot,      // Entries or SnapshotEnd are to come.
    kLive,
  };

  void FillKnown(v1::StartSnapshot* start);
  absl::Status TakeCreated(const v1::WatchResponse& message);
  void BeginChanges(const v1::WatchResponse& message);
  absl::StatusOr<std::optional<WatchCut>> TakeEvents(v1::WatchResponse message);
  absl::StatusOr<std::optional<WatchCut>> TakeSnapshotEnd(const v1::WatchResponse& message);
  absl::StatusOr<std::optional<WatchCut>> TakeBookmark(const v1::WatchResponse& message);
  std::vector<v1::WatchEvent> TakeCollected();
  WatchCut MakeCut(WatchCut::Kind kind, const v1::WatchResponse& message);
  void DoubtFreshness();

  const v1::WatchRequest request_;
  WatchTable table_;
  // Where the next stream starts; without a start it begins with a snapshot.
  v1::WatchRequest next_;
  bool resuming_ = false;

  // The stream.
  v1::WatchRequest::StartCase start_ = v1::WatchRequest::START_NOT_SET;
  Phase phase_ = Phase::kOpening;
  std::vector<NamedDocument> known_;  // As the request has them, in order.
  size_t collected_bytes_ = 0;
  std::vector<v1::WatchEvent> collected_;  // Of a cut or snapshot that is not complete.
  v1::SnapshotReason reason_ = v1::SNAPSHOT_REASON_UNSPECIFIED;

  std::map<DocumentKey, v1::Freshness> stale_;
  std::set<DocumentKey> unconfirmed_;  // Of these: not named since the stream or snapshot began.
};

}  // namespace modelref

#pragma once

// What a watcher is told about the step from one revision to another. Pure functions of the store.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modelref/v1/watch.pb.h"
#include "service/store/store.h"
#include "service/watch/watch_request.h"

namespace modelref {

// The most model names in one event.
inline constexpr size_t kMaxChangedModels = 256;
// The most bytes of one message, and of the names in the messages of one cut.
inline constexpr size_t kMaxMessageBytes = 256 << 10;
inline constexpr size_t kMaxNameBytes = 1 << 20;
// A reader that is further behind gets everything in one cut.
inline constexpr size_t kMaxReplayedTransactions = 64;

// One message, serialized; shared by every stream that sends it.
using EncodedMessage = std::shared_ptr<const std::string>;

struct CutOptions {
  bool inline_delta = false;
  size_t max_inline_bytes = 0;
  // How many seconds the network takes for a byte that every reader of an event then fetches.
  double seconds_per_fetched_byte = 0;
};
// The least and the most of WatchEvent.fetch_jitter; below it nothing is gained by waiting.
inline constexpr absl::Duration kLeastFetchJitter = absl::Milliseconds(10);
inline constexpr absl::Duration kMostFetchJitter = absl::Minutes(2);

// The transactions since a revision, and how far a cut goes into them.
struct CutRange {
  uint64_t after = 0;
  // The transactions in (after, root.revision], oldest first. None: they are not known any more;
  // the cut then goes to the root, and tells neither the names of changed models nor what was
  // before.
  std::optional<std::vector<CommittedTransactionPtr>> due;
  size_t length = 0;  // How many of them the cut takes.
};

// Chooses how many of the transactions `due` the next cut takes: up to the first that touches a
// watched document, and further as long as what the cut has to tell is only known later (a record
// that is to be sent was changed again); all of them when they are many, or when none touches.
size_t CutLength(const WatchedSet& watched, const std::vector<CommittedTransactionPtr>& due,
                 const CutOptions& options);

// One event for each document of `watched` that changed in the range, with its state at the end of
// it, in the order of mod_revision. Size and count of a state that is not that of `root` are not
// known.
std::vector<v1::WatchEvent> MakeEvents(const Root& root, const WatchedSet& watched,
                                       const CutRange& range, const CutOptions& options);

// The state of a document as an entry of a snapshot.
v1::WatchEvent SnapshotEntry(const DocumentState& state);

// The digest of the watched documents: 16 bytes.
std::string WatchedDigest(const Root& root, const WatchedSet& watched);

// How the events of one interval are sent.
struct EventFrame {
  v1::ResponseHeader part_header;  // Of messages before the last.
  v1::ResponseHeader cut_header;   // Of the last.
  std::string resume_token;        // Of the last.
  bool all_parts = false;          // There is no last one: every message has `more` set.
};

// Splits events over messages of at most kMaxMessageBytes (more only for a single large event).
std::vector<EncodedMessage> EncodeEvents(std::vector<v1::WatchEvent> events,
                                         const EventFrame& frame);

}  // namespace modelref

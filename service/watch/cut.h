#pragma once

// What a watcher is told about the step from one revision to another. Pure functions of the store.

#include <memory>
#include <string>
#include <vector>

#include "modelref/v1/watch.pb.h"
#include "service/store/store.h"
#include "service/watch/watch_request.h"

namespace modelref {

// The most model names in one event, and the most bytes of one message.
inline constexpr size_t kMaxChangedModels = 256;
inline constexpr size_t kMaxMessageBytes = 256 << 10;

// One message, serialized; shared by every stream that sends it.
using EncodedMessage = std::shared_ptr<const std::string>;

struct CutOptions {
  bool inline_delta = false;
  size_t max_inline_bytes = 0;
};

// One event for each document of `watched` that changed in (after, root.revision], with its state
// in `root`, in the order of mod_revision. `history` are the transactions of that interval; without
// them the names of changed models and what was before are not known.
std::vector<v1::WatchEvent> MakeEvents(
    const Root& root, const WatchedSet& watched, uint64_t after,
    const std::optional<std::vector<CommittedTransactionPtr>>& history, const CutOptions& options);

// The state of a document as an entry of a snapshot.
v1::WatchEvent SnapshotEntry(const DocumentState& state);

// The digest of the watched documents: 16 bytes.
std::string WatchedDigest(const Root& root, const WatchedSet& watched);

// Splits events over messages of at most kMaxMessageBytes (more only for a single large event).
// Parts before the last have `more` set and carry `part_header`; the last carries `cut_header`,
// unless `all_parts`: then every message is a part.
std::vector<EncodedMessage> EncodeEvents(std::vector<v1::WatchEvent> events,
                                         const v1::ResponseHeader& part_header,
                                         const v1::ResponseHeader& cut_header, bool all_parts);

}  // namespace modelref

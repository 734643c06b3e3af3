#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/etag.h"
#include "backends/category_registry.h"
#include "modelref/v1/watch.pb.h"
#include "service/watch/position.h"

namespace modelref {

// Which documents a watcher is about. Immutable.
struct WatchedSet {
  std::set<DocumentKey> keys;
  std::vector<std::string> absent;  // Names of the filter that no category has.
  uint64_t filter_hash = 0;         // Of the filter as it was asked for, in any order.
  uint64_t documents_hash = 0;      // Of `keys`.
  // Equal for equal filters: what shared encodings are found by.
  std::string signature;
};

// A point that a stream asks to continue from.
struct ResumePoint {
  Position position;
  // From a token: the documents that were watched until then.
  std::optional<uint64_t> documents_hash;
};

// What a request gets that does not say.
struct WatchDefaults {
  absl::Duration progress_interval = absl::Seconds(20);
  size_t max_inline_bytes = 64 << 10;
};

// A checked Watch request.
struct WatchPlan {
  enum class Start { kNow, kSnapshot, kResume };

  WatchedSet watched;
  Start start = Start::kSnapshot;
  std::vector<std::pair<DocumentKey, Etag>> known;  // In request order.
  ResumePoint resume;                               // With kResume.
  bool fail_on_gap = false;                         // Else the stream resyncs.
  bool is_relay = false;                            // Others hang on this stream.
  bool inline_delta = false;
  size_t max_inline_bytes = WatchDefaults().max_inline_bytes;
  absl::Duration progress_interval = WatchDefaults().progress_interval;
  std::string client_id;
};

//   INVALID_ARGUMENT  (BAD_FILTER) too many names, a name that cannot be a category, an unknown
//   format.
absl::StatusOr<WatchedSet> ResolveFilter(const v1::WatchFilter& filter,
                                         const CategoryRegistry& registry, Format canonical);

//   INVALID_ARGUMENT  a field out of its range, with every violation; (BAD_START) a start that is
//                     malformed; (BAD_RESUME_TOKEN) a token that is damaged or of another filter.
//   FAILED_PRECONDITION (RELAY_LOOP) `node_id` is on the relay path.
absl::StatusOr<WatchPlan> PlanWatch(const v1::WatchRequest& request,
                                    const CategoryRegistry& registry, Format canonical,
                                    absl::string_view node_id, const WatchDefaults& defaults = {});

}  // namespace modelref

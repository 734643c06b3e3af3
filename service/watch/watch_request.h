#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/etag.h"
#include "backends/category_registry.h"
#include "modelref/v1/watch.pb.h"

namespace modelref {

// Which documents a watcher is about. Immutable.
struct WatchedSet {
  std::set<DocumentKey> keys;
  std::vector<std::string> absent;  // Names of the filter that no category has.
  // Equal for equal sets: what shared encodings are found by.
  std::string signature;
};

// A checked Watch request.
struct WatchPlan {
  enum class Start { kNow, kSnapshot };

  WatchedSet watched;
  Start start = Start::kSnapshot;
  std::vector<std::pair<DocumentKey, Etag>> known;  // In request order.
  bool inline_delta = false;
  size_t max_inline_bytes = 64 << 10;
  absl::Duration progress_interval = absl::Seconds(20);
  std::string client_id;
};

//   INVALID_ARGUMENT  (BAD_FILTER) too many names, a name that cannot be a category, an unknown
//   format.
absl::StatusOr<WatchedSet> ResolveFilter(const v1::WatchFilter& filter,
                                         const CategoryRegistry& registry, Format canonical);

//   INVALID_ARGUMENT  a field out of its range, with every violation.
//   UNIMPLEMENTED     (NOT_BUILT) a start this server lacks.
//   FAILED_PRECONDITION (RELAY_LOOP) `node_id` is on the relay path.
absl::StatusOr<WatchPlan> PlanWatch(const v1::WatchRequest& request,
                                    const CategoryRegistry& registry, Format canonical,
                                    absl::string_view node_id);

}  // namespace modelref

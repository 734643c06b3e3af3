#pragma once

#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "backends/base/mutex.h"
#include "modelref/v1/statistics.pb.h"
#include "service/catalogue.h"
#include "service/rpc/method_table.h"
#include "service/rpc/rpc_server.h"
#include "service/store/database.h"
#include "service/store/projector.h"
#include "service/watch/watch_hub.h"

namespace modelref {

// Where the numbers come from. A part without a source is left out of the answer.
struct StatisticsSources {
  std::function<std::vector<BackendStatistics>()> backends;  // The outermost first.
  std::function<WatchHub::Statistics()> hub;
  std::function<RpcServerStats()> rpc;
  std::function<Projector::Status()> projector;
  std::function<uint64_t()> file_checks;  // SourceSync::file_checks.
  absl::Time since;                       // When the counters began.
};

// What was counted of the transactions up to a revision of a history.
struct CountedHistory {
  Epoch epoch{};
  uint64_t revision = 0;
  uint64_t transactions = 0;
  uint64_t events = 0;
  uint64_t edits_imported = 0;
};

// modelref.v1.StatisticsService. Thread-safe.
class StatisticsService {
 public:
  // Everything in `catalogue` must outlive the service, which must outlive the server.
  StatisticsService(Catalogue catalogue, StatisticsSources sources);

  void Register(MethodTable* methods);

  absl::StatusOr<v1::GetStatisticsResponse> GetStatistics() const;

 private:
  // Counts what came since the last call.
  absl::Status FillHistory(Database& database, const Root& root, v1::StoreStatistics* store) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  const Catalogue catalogue_;
  const StatisticsSources sources_;
  mutable Mutex mutex_;
  mutable CountedHistory counted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

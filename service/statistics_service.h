#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "modelref/v1/statistics.pb.h"
#include "service/catalogue.h"
#include "service/rpc/method_table.h"
#include "service/rpc/rpc_server.h"
#include "service/store/projector.h"
#include "service/watch/watch_hub.h"

namespace modelref {

// Where the numbers come from. A part without a source is left out of the answer.
struct StatisticsSources {
  std::function<std::vector<BackendStatistics>()> backends;  // The outermost first.
  std::function<WatchHub::Statistics()> hub;
  std::function<RpcServerStats()> rpc;
  std::function<Projector::Status()> projector;
  absl::Time since;  // When the counters began.
};

// modelref.v1.StatisticsService. Thread-safe.
class StatisticsService {
 public:
  // Everything in `catalogue` must outlive the service, which must outlive the server.
  StatisticsService(Catalogue catalogue, StatisticsSources sources);

  void Register(MethodTable* methods);

  absl::StatusOr<v1::GetStatisticsResponse> GetStatistics() const;

 private:
  const Catalogue catalogue_;
  const StatisticsSources sources_;
};

}  // namespace modelref

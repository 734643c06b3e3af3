#pragma once

// What the administration and the metrics see of a server's parts: the only place that knows both.

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "modelref/v1/config.pb.h"
#include "service/admin_http.h"
#include "service/admin_service.h"
#include "service/catalogue.h"
#include "service/health_service.h"
#include "service/metrics.h"
#include "service/rpc/rpc_server.h"
#include "service/runtime_status.h"
#include "service/statistics_service.h"
#include "service/store/data_directory.h"
#include "service/watch/watch_hub.h"

namespace modelref {

// The parts of one server; all must outlive everything that is made from them here.
struct ServerParts {
  const v1::ServerConfig& config;
  const Catalogue& catalogue;
  DataDirectory& data;
  const WatchHub& hub;
  RpcServer& rpc;
  const HealthBoard& health;
  absl::Time start_time;
  std::function<RuntimeStatus()> runtime;
  bool accepts_writes = false;
};

ServerFacts MakeServerFacts(const ServerParts& parts);
AdminOperations MakeAdminOperations(const ServerParts& parts);
StatisticsSources MakeStatisticsSources(const ServerParts& parts);

// Everything that /metrics shows of the parts.
void AddCollectors(const ServerParts& parts, MetricsRegistry* metrics);

// Whether the server serves, and which documents are not what their source says; behind them
// `failures`, other faults as lines for people. Thread-safe.
HealthSummary SummarizeHealth(const HealthBoard& health, const Root& root,
                              const std::vector<std::string>& failures = {});

}  // namespace modelref

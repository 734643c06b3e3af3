#include "service/admin_wiring.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/admin_dependencies.h"
#include "service/config.h"
#include "service/metrics_collectors.h"
#include "service/metrics_process.h"
#include "service/server_settings.h"
#include "service/store/schema.h"

namespace modelref {
namespace {

constexpr size_t kMaxReasons = 50;

// "/package.Service/Method" -> "package.Service", in order of registration.
std::vector<std::string> ServiceNames(RpcServer& rpc) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const MethodEntry& entry : rpc.methods().entries()) {
    std::string name = entry.method.substr(1, entry.method.rfind('/') - 1);
    if (seen.insert(name).second) names.push_back(std::move(name));
  }
  return names;
}

std::vector<BackendStatistics> ReadStatistics(const Backends& backends) {
  std::vector<BackendStatistics> statistics;
  for (const auto& source : backends.statistics) statistics.push_back(source->Statistics());
  return statistics;
}

// Loading goes through the store's importer, so that what is read is also what is served.
absl::StatusOr<bool> Warm(DataDirectory& data, const DocumentKey& key) {
  const Backends& backends = data.backends();
  if (backends.cache != nullptr && backends.cache->IsCacheValid(key)) return false;
  RETURN_IF_ERROR(data.Refresh(key));
  return true;
}

std::vector<v1::Dependency> CheckAll(const v1::ServerConfig& config, DataDirectory& data,
                                     const RuntimeStatus& runtime, absl::Time now) {
  std::vector<v1::Dependency> dependencies;
  dependencies.push_back(CheckDirectory("data_directory", config.data_dir(), !config.offline()));
  dependencies.push_back(CheckNotifications(data.notices_changes()));
  for (const auto& probe : data.backends().probes) {
    for (v1::Dependency& dependency : FromHealthReports(probe->CheckHealth())) {
      dependencies.push_back(std::move(dependency));
    }
  }
  if (data.projector() != nullptr) {
    dependencies.push_back(FromStore(data.store().fenced()));
    for (v1::Dependency& dependency : FromProjector(data.projector()->status())) {
      dependencies.push_back(std::move(dependency));
    }
    dependencies.push_back(FromTrail(data.adoption().trail));
  }
  for (v1::Dependency& dependency : FromRuntime(runtime, now)) {
    dependencies.push_back(std::move(dependency));
  }
  return dependencies;
}

}  // namespace

ServerFacts MakeServerFacts(const ServerParts& parts) {
  ServerFacts facts;
  facts.mode = parts.config.mode();
  facts.capabilities.set_supports_cache_warming(parts.data.backends().supports_cache_warming());
  facts.capabilities.set_supports_health_checks(parts.data.backends().supports_health_checks());
  facts.capabilities.set_supports_statistics(parts.data.backends().supports_statistics());
  facts.capabilities.set_supports_writes(parts.accepts_writes);
  facts.capabilities.set_supports_legacy_writes(parts.accepts_writes &&
                                                CanonicalFormat(parts.config) == Format::kLegacy);
  facts.capabilities.set_supports_metadata(parts.data.projector() != nullptr);
  facts.upstream = parts.config.upstream();
  facts.data_dir = parts.config.data_dir();
  facts.limits = parts.config.limits();
  facts.start_time = parts.start_time;
  facts.services = [&rpc = parts.rpc] { return ServiceNames(rpc); };
  facts.addresses = [&rpc = parts.rpc] { return rpc.addresses(); };
  facts.path_of = [&backends = parts.data.backends()](const DocumentKey& key) {
    return backends.file_paths == nullptr ? "" : backends.file_paths->PathOf(key);
  };
  if (parts.data.audit() != nullptr) {
    facts.audit_heads = [&audit = *parts.data.audit()] { return audit.Heads(); };
    facts.store_schema_version = kSchemaVersion;
  }
  return facts;
}

AdminOperations MakeAdminOperations(const ServerParts& parts) {
  AdminOperations operations;
  operations.warm = [&data = parts.data](const DocumentKey& key) { return Warm(data, key); };
  operations.mark_stale = [&data = parts.data](const DocumentKey& key) { data.MarkStale(key); };
  operations.check_dependencies = [&config = parts.config, &data = parts.data,
                                   &clock = parts.catalogue.clock, runtime = parts.runtime] {
    return CheckAll(config, data, runtime(), clock.TimeNow());
  };
  operations.form_of = [&data = parts.data](const DocumentKey& key) { return data.FormOf(key); };
  return operations;
}

StatisticsSources MakeStatisticsSources(const ServerParts& parts) {
  StatisticsSources sources;
  sources.backends = [&data = parts.data] { return ReadStatistics(data.backends()); };
  sources.hub = [&hub = parts.hub] { return hub.statistics(); };
  sources.rpc = [&rpc = parts.rpc] { return rpc.Stats(); };
  if (parts.data.projector() != nullptr) {
    sources.projector = [&projector = *parts.data.projector()] { return projector.status(); };
  }
  sources.file_checks = [&sync = parts.data.sync()] { return sync.file_checks(); };
  sources.since = parts.start_time;
  return sources;
}

void AddCollectors(const ServerParts& parts, MetricsRegistry* metrics) {
  metrics->AddCollector([start_time = parts.start_time](MetricsPage* page) {
    CollectBuild(ProgramVersion(), start_time, page);
    CollectProcess(ReadProcessNumbers(), page);
  });
  metrics->AddCollector(
      [runtime = parts.runtime](MetricsPage* page) { CollectRuntime(runtime(), page); });
  metrics->AddCollector([&rpc = parts.rpc](MetricsPage* page) { CollectRpc(rpc.Stats(), page); });
  metrics->AddCollector([&data = parts.data](MetricsPage* page) {
    CollectBackends(ReadStatistics(data.backends()), page);
    if (data.projector() == nullptr) return;
    CollectProjector(data.projector()->status(), data.store().root()->revision, page);
  });
  metrics->AddCollector(
      [&store = parts.catalogue.store](MetricsPage* page) { CollectStore(*store.root(), page); });
  metrics->AddCollector(
      [&hub = parts.hub](MetricsPage* page) { CollectWatch(hub.statistics(), page); });
}

HealthSummary SummarizeHealth(const HealthBoard& health, const Root& root,
                              const std::vector<std::string>& failures) {
  HealthSummary summary;
  summary.serving = health.Get("") == grpc::health::v1::HealthCheckResponse::SERVING;
  size_t unlisted = 0;
  const auto add = [&](const DocumentKey& key, absl::string_view what, absl::string_view detail) {
    if (summary.degraded.size() == kMaxReasons) {
      ++unlisted;
      return;
    }
    const bool told = !detail.empty() && IsValidUtf8(detail);
    summary.degraded.push_back(absl::StrCat("document ", key.ToString(), ": ", what,
                                            told ? ": " : "", told ? detail : ""));
  };
  for (const auto& [key, document] : root.documents) {
    if (!document->damage.ok()) {
      add(key, "cannot be served", document->damage.message());
    } else if (document->freshness.cause == FreshnessCause::kEditHeld) {
      add(key, "an edit waits for an operator", document->freshness.detail);
    } else if (document->freshness.stale()) {
      add(key, "stale", document->freshness.detail);
    } else if (!document->problems.empty()) {
      add(key, absl::StrCat(document->problems.size(), " records cannot be represented"), "");
    }
  }
  if (unlisted > 0) summary.degraded.push_back(absl::StrCat("and ", unlisted, " more"));
  summary.degraded.insert(summary.degraded.end(), failures.begin(), failures.end());
  return summary;
}

}  // namespace modelref

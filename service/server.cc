#include "service/server.h"

#include <utility>

#include "backends/base/executor.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/admin_dependencies.h"
#include "service/admin_http.h"
#include "service/admin_service.h"
#include "service/admission.h"
#include "service/config.h"
#include "service/health_service.h"
#include "service/metrics_collectors.h"
#include "service/reference_service.h"
#include "service/rpc/rpc_server.h"
#include "service/server_settings.h"
#include "service/statistics_service.h"
#include "service/watch_service.h"

namespace modelref {
namespace {

// Streams are told to drain over this part of the grace time; the rest is for calls in flight.
constexpr double kDrainFraction = 0.6;

// Beside the imports, which have a thread of their own.
constexpr size_t kFileThreads = 2;

// The full names of the services that have a method here, in the order of registration.
std::vector<std::string> ServicesOf(const MethodTable& methods) {
  std::vector<std::string> services;
  for (const MethodEntry& entry : methods.entries()) {
    const absl::string_view name = entry.method;
    const std::string service(name.substr(1, name.rfind('/') - 1));
    if (services.empty() || services.back() != service) services.push_back(service);
  }
  return services;
}

v1::Capabilities CapabilitiesOf(const Backends& backends) {
  v1::Capabilities capabilities;
  capabilities.set_supports_cache_warming(backends.supports_cache_warming());
  capabilities.set_supports_health_checks(backends.supports_health_checks());
  capabilities.set_supports_statistics(backends.supports_statistics());
  return capabilities;
}

std::vector<std::string> DegradedReasons(const Root& root) {
  std::vector<std::string> reasons;
  for (const auto& [key, state] : root.documents) {
    if (state->freshness.stale())
      reasons.push_back(key.ToString() + ": " + state->freshness.detail);
    for (const RecordProblem& problem : state->problems) {
      reasons.push_back(key.ToString() + ": model \"" + problem.name + "\" " + problem.reason);
    }
  }
  return reasons;
}

}  // namespace

// Members are in the order of their making; destruction is the reverse.
class Server::Impl {
 public:
  Impl(const v1::ServerConfig& config, CategoryRegistry registry, Clock& clock)
      : config_(config),
        registry_(std::move(registry)),
        clock_(clock),
        start_time_(clock.TimeNow()),
        file_executor_({.threads = kFileThreads}),
        access_(AccessOptions{}),
        store_(registry_.DocumentKeys(), clock, Store::Options{}),
        hub_(store_, config.node_id()) {}

  absl::Status Build() {
    ASSIGN_OR_RETURN(backends_,
                     MakeBackends(MakeBackendOptions(config_), registry_, clock_, file_executor_));
    sync_ = std::make_unique<SourceSync>(store_, backends_, registry_.DocumentKeys(), clock_,
                                         MakeSyncOptions(config_));
    catalogue_ = std::make_unique<Catalogue>(
        Catalogue{store_, registry_, CanonicalFormat(config_), config_.node_id(), clock_,
                  [this](const DocumentKey& key) { return sync_->Refresh(key); }});
    rpc_ = std::make_unique<RpcServer>(MakeRpcOptions(config_, access_, clock_));
    reference_ = std::make_unique<ReferenceService>(*catalogue_, MakeRefreshPolicy(access_),
                                                    rpc_->executor());
    watch_ = std::make_unique<WatchService>(*catalogue_, hub_, MakeWatchOptions(config_));
    admin_ = std::make_unique<AdminService>(*catalogue_, access_, Facts(), Operations());
    statistics_ = std::make_unique<StatisticsService>(*catalogue_, Sources());
    reference_->Register(&rpc_->methods());
    watch_->Register(&rpc_->methods());
    admin_->Register(&rpc_->methods());
    statistics_->Register(&rpc_->methods());
    RegisterHealthService(&rpc_->methods(), &health_);
    AddCollectors();
    return absl::OkStatus();
  }

  absl::Status Start() {
    RETURN_IF_ERROR(CheckDataDir(config_.data_dir()));
    RETURN_IF_ERROR(sync_->Start());
    RETURN_IF_ERROR(rpc_->Start());
    serving_ = true;
    if (!config_.admin_listen().empty()) {
      AdminHttp::Options options;
      options.address = config_.admin_listen();
      ASSIGN_OR_RETURN(admin_http_,
                       AdminHttp::Start(options, metrics_, [this] { return Summary(); }));
    }
    health_.Set("", true);
    for (const std::string& service : ServicesOf(rpc_->methods())) health_.Set(service, true);
    return absl::OkStatus();
  }

  void Stop() {
    health_.Close();
    if (std::exchange(serving_, false)) {
      const absl::Duration grace = ShutdownGrace(config_);
      rpc_->BeginDrain(grace * kDrainFraction);
      rpc_->Shutdown(grace);
    }
    admin_http_.reset();
    sync_->Stop();
  }

  std::string admin_address() const { return admin_http_ == nullptr ? "" : admin_http_->address(); }
  RpcServer& rpc() { return *rpc_; }

 private:
  ServerFacts Facts() {
    ServerFacts facts;
    facts.mode = config_.mode();
    facts.capabilities = CapabilitiesOf(backends_);
    facts.services = [this] { return ServicesOf(rpc_->methods()); };
    facts.upstream = config_.upstream();
    facts.data_dir = config_.data_dir();
    facts.limits = config_.limits();
    facts.start_time = start_time_;
    facts.addresses = [this] { return rpc_->addresses(); };
    facts.path_of = [this](const DocumentKey& key) { return backends_.file_paths->PathOf(key); };
    return facts;
  }

  AdminOperations Operations() {
    AdminOperations operations;
    operations.warm = [this](const DocumentKey& key) -> absl::StatusOr<bool> {
      if (backends_.cache->IsCacheValid(key)) return false;
      RETURN_IF_ERROR(sync_->Refresh(key));
      return true;
    };
    operations.mark_stale = [this](const DocumentKey& key) { sync_->MarkStale(key); };
    operations.check_dependencies = [this] {
      return std::vector<v1::Dependency>{
          CheckDirectory("data_dir", config_.data_dir(), /*needs_writing=*/false),
          CheckNotifications(sync_->uses_inotify())};
    };
    return operations;
  }

  std::vector<BackendStatistics> ReadBackends() const {
    std::vector<BackendStatistics> all;
    for (const auto& source : backends_.statistics) all.push_back(source->Statistics());
    return all;
  }

  StatisticsSources Sources() {
    StatisticsSources sources;
    sources.backends = [this] { return ReadBackends(); };
    sources.hub = [this] { return hub_.statistics(); };
    sources.rpc = [this] { return rpc_->Stats(); };
    sources.since = start_time_;
    return sources;
  }

  void AddCollectors() {
    metrics_.AddCollector([this](MetricsPage* page) {
      CollectBuild(ProgramVersion(), start_time_, page);
      CollectProcess(ReadProcessNumbers(), page);
      CollectRpc(rpc_->Stats(), page);
      CollectBackends(ReadBackends(), page);
      CollectStore(*store_.root(), page);
      CollectWatch(hub_.statistics(), page);
    });
  }

  HealthSummary Summary() const {
    HealthSummary summary;
    summary.serving = health_.Get("") == grpc::health::v1::HealthCheckResponse::SERVING;
    summary.degraded = DegradedReasons(*store_.root());
    return summary;
  }

  const v1::ServerConfig config_;
  const CategoryRegistry registry_;
  Clock& clock_;
  const absl::Time start_time_;
  Executor file_executor_;
  AccessControl access_;
  Store store_;
  WatchHub hub_;
  HealthBoard health_;
  Backends backends_;
  std::unique_ptr<SourceSync> sync_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<ReferenceService> reference_;
  std::unique_ptr<WatchService> watch_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<StatisticsService> statistics_;
  MetricsRegistry metrics_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<AdminHttp> admin_http_;
  bool serving_ = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const v1::ServerConfig& config,
                                                       Clock& clock) {
  ASSIGN_OR_RETURN(CategoryRegistry registry, CategoryRegistry::Create(ExtraCategories(config)));
  auto impl = std::make_unique<Impl>(config, std::move(registry), clock);
  RETURN_IF_ERROR(impl->Build());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

absl::Status Server::Start() { return impl_->Start(); }

void Server::Stop() { impl_->Stop(); }

std::vector<std::string> Server::addresses() const { return impl_->rpc().addresses(); }

std::string Server::admin_address() const { return impl_->admin_address(); }

}  // namespace modelref

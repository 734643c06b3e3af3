#include "service/server.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "backends/base/executor.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/admin_dependencies.h"
#include "service/admin_http.h"
#include "service/admin_service.h"
#include "service/admin_wiring.h"
#include "service/admission.h"
#include "service/health_service.h"
#include "service/reference_service.h"
#include "service/rpc/rpc_server.h"
#include "service/server_settings.h"
#include "service/statistics_service.h"
#include "service/watch_service.h"

namespace modelref {
namespace {

// Streams are told to drain one after the other, over this part of the grace time at most; the rest
// is for calls in flight.
constexpr absl::Duration kDrainPace = absl::Milliseconds(2);
constexpr double kDrainFraction = 0.6;

// Beside the imports, which have a thread of their own.
constexpr size_t kFileThreads = 2;

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
        access_(AccessOptions{}) {}

  absl::Status Build() {
    RETURN_IF_ERROR(CheckDataDir(config_.data_dir()));
    ASSIGN_OR_RETURN(data_, DataDirectory::Open(MakeDirectoryOptions(config_), registry_, clock_,
                                                file_executor_));
    positions_ = std::make_unique<PositionWaiter>(data_->store(), &file_executor_,
                                                  MakePositionOptions(config_));
    hub_ = std::make_unique<WatchHub>(data_->store(), *positions_, config_.node_id());
    catalogue_ = std::make_unique<Catalogue>(
        Catalogue{data_->store(), registry_, CanonicalFormat(config_), config_.node_id(), clock_,
                  [this](const DocumentKey& key) { return data_->Refresh(key); }});
    rpc_ = std::make_unique<RpcServer>(MakeRpcOptions(config_, access_, clock_));
    reference_ =
        std::make_unique<ReferenceService>(*catalogue_, MakeRefreshPolicy(access_), *positions_,
                                           rpc_->executor(), MakeGzipOptions(config_));
    watch_ = std::make_unique<WatchService>(*catalogue_, *hub_, MakeWatchOptions(config_));
    const ServerParts parts{config_, *catalogue_, *data_, *hub_, *rpc_, health_, start_time_};
    const ServerFacts facts = MakeServerFacts(parts);
    service_names_ = facts.services;
    admin_ =
        std::make_unique<AdminService>(*catalogue_, access_, facts, MakeAdminOperations(parts));
    statistics_ = std::make_unique<StatisticsService>(*catalogue_, MakeStatisticsSources(parts));
    reference_->Register(&rpc_->methods());
    watch_->Register(&rpc_->methods());
    admin_->Register(&rpc_->methods());
    statistics_->Register(&rpc_->methods());
    RegisterHealthService(&rpc_->methods(), &health_);
    AddCollectors(parts, &metrics_);
    return absl::OkStatus();
  }

  absl::Status Start() {
    RETURN_IF_ERROR(data_->Start());
    RETURN_IF_ERROR(rpc_->Start());
    serving_ = true;
    if (!config_.admin_listen().empty()) {
      AdminHttp::Options options;
      options.address = config_.admin_listen();
      ASSIGN_OR_RETURN(admin_http_, AdminHttp::Start(options, metrics_, [this] {
                         const Projector* projector = data_->projector();
                         return SummarizeHealth(health_, *data_->store().root(),
                                                projector == nullptr
                                                    ? std::vector<std::string>()
                                                    : ProjectorFailures(projector->status()));
                       }));
    }
    health_.Set("", true);
    for (const std::string& service : service_names_()) health_.Set(service, true);
    return absl::OkStatus();
  }

  void Stop() {
    health_.Close();
    if (std::exchange(serving_, false)) {
      const absl::Duration grace = ShutdownGrace(config_);
      rpc_->BeginDrain(std::min(grace * kDrainFraction, kDrainPace * rpc_->Stats().streams_open));
      rpc_->Shutdown(grace);
    }
    if (positions_ != nullptr) positions_->Stop();
    admin_http_.reset();
    file_executor_.Shutdown();
    if (data_ == nullptr) return;
    if (const absl::Status written = data_->Stop(); !written.ok()) {
      Log(LogLevel::kWarning, "server.files_not_written",
          {{"error", std::string(written.message())}, {"effect", "written at the next start"}});
    }
  }

  std::string admin_address() const { return admin_http_ == nullptr ? "" : admin_http_->address(); }
  RpcServer& rpc() { return *rpc_; }

 private:
  const v1::ServerConfig config_;
  const CategoryRegistry registry_;
  Clock& clock_;
  const absl::Time start_time_;
  Executor file_executor_;
  AccessControl access_;
  std::unique_ptr<DataDirectory> data_;
  std::unique_ptr<PositionWaiter> positions_;
  std::unique_ptr<WatchHub> hub_;
  HealthBoard health_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<ReferenceService> reference_;
  std::unique_ptr<WatchService> watch_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<StatisticsService> statistics_;
  MetricsRegistry metrics_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<AdminHttp> admin_http_;
  std::function<std::vector<std::string>()> service_names_;
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

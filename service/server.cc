#include "service/server.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/error.h"
#include "backends/base/executor.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/admin_dependencies.h"
#include "service/admin_http.h"
#include "service/admin_service.h"
#include "service/admin_wiring.h"
#include "service/admission.h"
#include "service/caller_limits.h"
#include "service/guess_limits.h"
#include "service/health_service.h"
#include "service/identities.h"
#include "service/metadata_service.h"
#include "service/metrics_process.h"
#include "service/reference_service.h"
#include "service/rpc/listen_address.h"
#include "service/rpc/reflection_server.h"
#include "service/rpc/rpc_server.h"
#include "service/rpc/self_probe.h"
#include "service/rpc/tls_reloader.h"
#include "service/runtime_status.h"
#include "service/server_settings.h"
#include "service/statistics_service.h"
#include "service/store/file_writer.h"
#include "service/systemd_notifier.h"
#include "service/watch/wire.h"
#include "service/watch_service.h"
#include "service/watchdog.h"
#include "service/write_service.h"

namespace modelref {
namespace {

// For streams that end a little after they were told to.
constexpr absl::Duration kDrainSlack = absl::Seconds(2);

// Beside the imports, which have a thread of their own.
constexpr size_t kFileThreads = 2;

// What this process knows of files that it cannot write.
FileWaiter::Failure FileFailures(DataDirectory& data) {
  if (data.projector() == nullptr) return nullptr;
  return [&projector = *data.projector()](const DocumentKey& key) {
    const std::map<DocumentKey, absl::Status> failures = projector.status().file_failures;
    const auto failure = failures.find(key);
    return failure == failures.end() ? absl::OkStatus() : failure->second;
  };
}

// A large file is written when it is due, and not before.
absl::Duration FilePatience(const v1::ServerConfig& config) {
  const v1::StoreConfig& store = config.store();
  const absl::Duration delay = store.has_file_write_max_delay()
                                   ? FromProto(store.file_write_max_delay())
                                   : FileWriter::Options().max_delay;
  return delay + FileWaiter::kPatience;
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
        caller_limits_(MakeCallerLimits(config.limits())),
        notifier_(SystemdNotifier::FromEnvironment()) {}

  absl::Status Build() {
    RETURN_IF_ERROR(CheckDataDir(config_.data_dir()));
    ASSIGN_OR_RETURN(identities_, Identities::Open(config_.auth(), clock_));
    access_ = std::make_unique<AccessControl>(identities_->access_options());
    ASSIGN_OR_RETURN(data_, DataDirectory::Open(MakeDirectoryOptions(config_), registry_, clock_,
                                                file_executor_));
    positions_ = std::make_unique<PositionWaiter>(data_->store(), &file_executor_,
                                                  MakePositionOptions(config_));
    hub_ = std::make_unique<WatchHub>(data_->store(), *positions_, config_.node_id(),
                                      config_.watch().egress_bytes_per_second());
    catalogue_ = std::make_unique<Catalogue>(
        Catalogue{data_->store(), registry_, CanonicalFormat(config_), config_.node_id(), clock_,
                  [this](const DocumentKey& key) { return data_->Refresh(key); }});
    if (const auto tls = MakeTlsOptions(config_.tls())) {
      ASSIGN_OR_RETURN(tls_, TlsReloader::Start(*tls, clock_));
    }
    const bool tls = tls_ != nullptr;
    RpcServerOptions rpc = MakeRpcOptions(
        config_, MakeAdmission({access_.get(), &caller_limits_, &guess_limits_, tls}), tls_.get(),
        clock_);
    rpc.stream_review = MakeStreamReview(*access_, tls);
    rpc_ = std::make_unique<RpcServer>(std::move(rpc));
    reference_ =
        std::make_unique<ReferenceService>(*catalogue_, MakeRefreshPolicy(*access_), *positions_,
                                           rpc_->executor(), MakeGzipOptions(config_));
    watch_ = std::make_unique<WatchService>(*catalogue_, *hub_, MakeWatchOptions(config_));
    // Reads the queue's file: once.
    const absl::Status refusal = WriteRefusal(config_);
    const ServerParts parts{config_,     *catalogue_, *data_,      *hub_,
                            *rpc_,       health_,     start_time_, [this] { return RuntimeNow(); },
                            refusal.ok()};
    const ServerFacts facts = MakeServerFacts(parts);
    service_names_ = facts.services;
    admin_ =
        std::make_unique<AdminService>(*catalogue_, *access_, facts, MakeAdminOperations(parts));
    metadata_ = std::make_unique<MetadataService>(
        *catalogue_, MetadataService::Options{data_->projector() != nullptr, config_.upstream()});
    statistics_ = std::make_unique<StatisticsService>(*catalogue_, MakeStatisticsSources(parts));
    if (ReasonOf(refusal) == "QUEUE_NOT_BUILT") {
      Log(LogLevel::kWarning, "writes.refused", {{"because", std::string(refusal.message())}});
    }
    writes_ = std::make_unique<WriteService>(
        *catalogue_, *access_, rpc_->executor(),
        WriteService::Options{MakeWriteLimits(config_), refusal, config_.limits().document_bytes(),
                              FileFailures(*data_), FilePatience(config_)});
    reference_->Register(&rpc_->methods());
    writes_->Register(&rpc_->methods());
    watch_->Register(&rpc_->methods());
    admin_->Register(&rpc_->methods());
    metadata_->Register(&rpc_->methods());
    statistics_->Register(&rpc_->methods());
    RegisterHealthService(&rpc_->methods(), &health_);
    AddCollectors(parts, &metrics_);
    return absl::OkStatus();
  }

  absl::Status Start() {
    RETURN_IF_ERROR(data_->Start());
    if (config_.store().populate_metadata()) PopulateAtStart(*metadata_);
    RETURN_IF_ERROR(rpc_->Start());
    identities_->Start([this] { rpc_->ReviewStreams(); });
    TellLoweredLimits();
    StartWatchdog();
    serving_ = true;
    if (!config_.admin_listen().empty()) {
      AdminHttp::Options options;
      options.address = config_.admin_listen();
      ASSIGN_OR_RETURN(admin_http_, AdminHttp::Start(options, metrics_, [this] {
                         std::vector<std::string> failures =
                             RuntimeFailures(RuntimeNow(), clock_.TimeNow());
                         for (std::string& failure : DirectoryFailures(*data_)) {
                           failures.push_back(std::move(failure));
                         }
                         return SummarizeHealth(health_, *data_->store().root(), failures);
                       }));
    }
    if (!config_.admin_grpc_listen().empty()) {
      ASSIGN_OR_RETURN(reflection_, ReflectionServer::Start(config_.admin_grpc_listen()));
    }
    health_.Set("", true);
    for (const std::string& service : service_names_()) health_.Set(service, true);
    notifier_.Notify("READY=1");
    return absl::OkStatus();
  }

  bool Stop() {
    health_.Close();
    if (std::exchange(serving_, false)) Drain();
    // Rights may end while the server drains.
    if (identities_ != nullptr) identities_->Stop();
    reflection_.reset();
    if (positions_ != nullptr) positions_->Stop();
    if (writes_ != nullptr) writes_->Stop();
    admin_http_.reset();
    file_executor_.Shutdown();
    const absl::Status written = data_ == nullptr ? absl::OkStatus() : data_->Stop();
    if (!written.ok()) {
      Log(LogLevel::kWarning, "server.files_not_written",
          {{"error", std::string(written.message())}, {"effect", "written at the next start"}});
    }
    return written.ok();
  }

  std::string admin_grpc_address() const {
    return reflection_ == nullptr ? "" : reflection_->address();
  }
  std::string admin_address() const { return admin_http_ == nullptr ? "" : admin_http_->address(); }
  RpcServer& rpc() { return *rpc_; }

 private:
  void Drain() {
    notifier_.Notify("STOPPING=1");
    const DrainPlan plan = MakeDrainPlan(config_.runtime(), rpc_->Stats().streams_open);
    Log(LogLevel::kInfo, "server.draining",
        {{"streams", absl::StrCat(rpc_->Stats().streams_open)},
         {"delay", absl::FormatDuration(plan.delay)},
         {"spread", absl::FormatDuration(plan.spread)},
         {"grace", absl::FormatDuration(plan.grace)}});
    Pause(plan.delay);
    rpc_->BeginDrain(plan.spread);
    rpc_->AwaitDrained(plan.spread + kDrainSlack);
    // Probes of a server that is shut down fail.
    watchdog_->Stop();
    rpc_->Shutdown(plan.grace);
  }

  void TellLoweredLimits() const {
    const uint64_t wanted = config_.limits().connections();
    const uint64_t possible = rpc_->Stats().connections.limit;
    if (possible == wanted) return;
    Log(LogLevel::kInfo, "limits.connections_lowered",
        {{"connections", absl::StrCat(possible)},
         {"wanted", absl::StrCat(wanted)},
         {"reason", "the limit of open files"}});
  }

  void StartWatchdog() {
    const v1::RuntimeConfig& runtime = config_.runtime();
    Watchdog::Options options;
    options.interval = FromProto(runtime.self_probe_interval());
    options.memory_limit_bytes = MemoryLimit(config_);
    Watchdog::Hooks hooks;
    hooks.memory_used = [] { return ReadResidentBytes(); };
    hooks.set_memory_short = [this](bool is_short) { rpc_->SetMemoryShort(is_short); };
    if (const auto wanted = notifier_.watchdog()) {
      // Twice in the time, with room for one probe that takes all of its own.
      options.feed_interval = *wanted / 3;
      options.interval = std::min(options.interval, *wanted / 3);
      hooks.feed = [this] { notifier_.Notify("WATCHDOG=1"); };
    }
    const std::string address = rpc_->addresses().front();
    const bool tls = tls_ != nullptr && !IsUnixAddress(address);
    SelfProbe::Options probe{address, tls, tls ? tls_->probe_identity() : ProbeIdentity(),
                             FromProto(runtime.self_probe_timeout()),
                             [this] { return rpc_->Stats().connections.accepted; }};
    hooks.probe = [self_probe = std::make_shared<SelfProbe>(std::move(probe))] {
      return self_probe->Run();
    };
    watchdog_ = std::make_unique<Watchdog>(options, std::move(hooks));
    watchdog_seen_.store(watchdog_.get());
  }

  RuntimeStatus RuntimeNow() const {
    RuntimeStatus status;
    status.callers = caller_limits_.stats();
    status.guesses_refused = guess_limits_.refused();
    status.identities = identities_->status();
    if (tls_ != nullptr) status.tls = tls_->status();
    // Calls may come before it is there.
    const Watchdog* const watchdog = watchdog_seen_.load();
    if (watchdog != nullptr) status.watchdog = watchdog->status();
    return status;
  }

  const v1::ServerConfig config_;
  const CategoryRegistry registry_;
  Clock& clock_;
  const absl::Time start_time_;
  Executor file_executor_;
  CallerLimits caller_limits_;
  GuessLimits guess_limits_{GuessLimits::Options()};
  // After the limits: what it asks is counted when it is answered.
  std::unique_ptr<Identities> identities_;
  std::unique_ptr<AccessControl> access_;
  const SystemdNotifier notifier_;
  std::unique_ptr<TlsReloader> tls_;
  std::unique_ptr<DataDirectory> data_;
  std::unique_ptr<PositionWaiter> positions_;
  std::unique_ptr<WatchHub> hub_;
  HealthBoard health_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<ReferenceService> reference_;
  std::unique_ptr<WatchService> watch_;
  std::unique_ptr<WriteService> writes_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<MetadataService> metadata_;
  std::unique_ptr<StatisticsService> statistics_;
  MetricsRegistry metrics_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<ReflectionServer> reflection_;
  std::unique_ptr<Watchdog> watchdog_;
  std::atomic<const Watchdog*> watchdog_seen_{nullptr};
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

bool Server::Stop() { return impl_->Stop(); }

std::vector<std::string> Server::addresses() const { return impl_->rpc().addresses(); }

std::string Server::admin_address() const { return impl_->admin_address(); }

std::string Server::admin_grpc_address() const { return impl_->admin_grpc_address(); }

}  // namespace modelref

#include "service/server_settings.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "service/process_limits.h"
#include "service/queue_gate.h"
#include "service/rpc/listen_address.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

Acceptor::Options MakeAcceptorOptions(const v1::ServerConfig& config) {
  const v1::Limits& limits = config.limits();
  Acceptor::Options options;
  const uint64_t files = RaiseFileLimit(config.runtime().open_files());
  options.limits.connections = std::min<uint64_t>(limits.connections(), ConnectionsFor(files));
  options.limits.per_origin = limits.connections_per_address();
  options.per_second = static_cast<int>(limits.connections_per_second());
  return options;
}

// A certificate is verified when its connection begins: clients with newer ones must get to use
// them before the old one ends.
constexpr absl::Duration kConnectionAgeOfCertificates = absl::Minutes(30);

KeepaliveOptions MakeKeepaliveOptions(const v1::ServerConfig& server) {
  const v1::ConnectionConfig& config = server.connection();
  KeepaliveOptions options;
  options.time = FromProto(config.keepalive_time());
  options.timeout = FromProto(config.keepalive_timeout());
  options.min_client_interval = FromProto(config.min_client_ping_interval());
  options.max_connection_age = FromProto(config.max_age());
  if (options.max_connection_age == absl::ZeroDuration() && server.auth().client_certificates()) {
    options.max_connection_age = kConnectionAgeOfCertificates;
  }
  options.max_connection_age_grace = FromProto(config.max_age_grace());
  options.handshake_timeout = FromProto(config.handshake_timeout());
  return options;
}

uint64_t StreamMemory(const v1::ServerConfig& config) {
  return MemoryLimit(config) / 100 * config.limits().memory_streams_percent();
}

}  // namespace

Format CanonicalFormat(const v1::ServerConfig& config) {
  return config.canonical_format() == v1::FORMAT_LEGACY ? Format::kLegacy : Format::kV2;
}

RpcServerOptions MakeRpcOptions(const v1::ServerConfig& config, Admission admission,
                                TlsReloader* tls, Clock& clock) {
  RpcServerOptions options;
  for (const std::string& address : config.listen()) {
    const bool encrypted = tls != nullptr && !IsUnixAddress(address);
    options.listen.push_back({address, encrypted ? tls->NewCredentials() : nullptr});
  }
  options.admission = std::move(admission);
  options.unary_queues = static_cast<int>(config.runtime().unary_threads());
  options.stream_queues = static_cast<int>(config.runtime().stream_threads());
  if (config.runtime().blocking_threads() > 0) {
    options.executor.threads = config.runtime().blocking_threads();
  }
  const v1::Limits& limits = config.limits();
  options.max_receive_bytes = static_cast<int>(limits.request_message_bytes());
  options.max_metadata_bytes = static_cast<int>(limits.metadata_bytes());
  options.max_streams_per_connection = static_cast<int>(limits.streams_per_connection());
  options.max_streams = static_cast<int>(limits.streams());
  options.acceptor = MakeAcceptorOptions(config);
  options.keepalive = MakeKeepaliveOptions(config);
  options.unix_socket_mode =
      static_cast<mode_t>(std::strtoul(config.connection().unix_socket_mode().c_str(), nullptr, 8));
  options.transport_memory_bytes = StreamMemory(config);
  if (config.log().has_slow_call()) options.slow_call = FromProto(config.log().slow_call());
  options.clock = &clock;
  return options;
}

WatchService::Options MakeWatchOptions(const v1::ServerConfig& config) {
  const v1::WatchConfig& from = config.watch();
  WatchService::Options options;
  if (from.has_max_age()) options.session.max_age = FromProto(from.max_age());
  if (from.has_progress_interval()) {
    options.defaults.progress_interval = FromProto(from.progress_interval());
  }
  options.defaults.max_inline_bytes = from.max_inline_bytes();
  return options;
}

PositionWaiter::Options MakePositionOptions(const v1::ServerConfig& config) {
  PositionWaiter::Options options;
  options.is_replica = config.mode() == v1::MODE_REPLICA;
  return options;
}

GzipCache::Options MakeGzipOptions(const v1::ServerConfig& config) {
  GzipCache::Options options;
  options.min_bytes = config.runtime().gzip_min_bytes();
  return options;
}

WriteLimits MakeWriteLimits(const v1::ServerConfig& config) {
  const v1::Limits& from = config.limits();
  WriteLimits limits;
  limits.model_name_bytes = from.model_name_bytes();
  limits.record_bytes = from.record_bytes();
  limits.document_bytes = from.document_bytes();
  limits.json_depth = from.json_depth();
  limits.operations = from.operations_per_write();
  limits.mass_removal_percent = config.store().held_removal_percent();
  limits.mass_removal_min_models = config.store().held_removal_min_models();
  return limits;
}

absl::Status WriteRefusal(const v1::ServerConfig& config) {
  if (config.mode() == v1::MODE_REPLICA) {
    ErrorExtras extras;
    std::string where = "its primary";
    if (!config.upstream().empty()) {
      extras.metadata["primary"] = config.upstream();
      where = config.upstream();
    }
    return Error(absl::StatusCode::kFailedPrecondition, "READ_ONLY_REPLICA",
                 absl::StrCat("this server is a replica; write to ", where), std::move(extras));
  }
  if (config.offline()) {
    return Error(absl::StatusCode::kFailedPrecondition, "WRITES_NOT_SUPPORTED",
                 "this server only reads its directory (offline)");
  }
  return CheckQueue(config);
}

uint64_t MemoryLimit(const v1::ServerConfig& config) {
  return MemoryAvailable() / 100 * config.limits().memory_percent();
}

std::optional<TlsReloader::Options> MakeTlsOptions(const v1::TlsConfig& config) {
  if (config.certificate_file().empty()) return std::nullopt;
  TlsReloader::Options options;
  options.files = {config.certificate_file(), config.private_key_file(), config.client_ca_file(),
                   config.require_client_certificate()};
  options.interval = FromProto(config.reload_interval());
  return options;
}

CallerLimits::Options MakeCallerLimits(const v1::Limits& limits) {
  CallerLimits::Options options;
  options.streams_per_caller = static_cast<int>(limits.streams_per_caller());
  options.calls_per_second = static_cast<int>(limits.calls_per_second_per_caller());
  return options;
}

DrainPlan MakeDrainPlan(const v1::RuntimeConfig& config, int64_t streams) {
  DrainPlan plan;
  plan.delay = FromProto(config.drain_delay());
  // Few streams need no long time, and the process none for nothing.
  constexpr int kLeastPerSecond = 100;
  plan.spread =
      std::min(FromProto(config.drain_spread()), absl::Seconds(1) * streams / kLeastPerSecond);
  plan.grace = FromProto(config.shutdown_grace());
  return plan;
}

absl::Status CheckDataDir(const std::string& data_dir) {
  if (data_dir.empty()) {
    return absl::InvalidArgumentError("no data directory: set --data-dir DIR");
  }
  const absl::StatusOr<FileVersion> directory = StatFile(data_dir);
  // StatFile reports a directory as damage: here it is what is wanted.
  if (absl::IsDataLoss(directory.status())) return absl::OkStatus();
  if (absl::IsNotFound(directory.status())) {
    return absl::NotFoundError(
        absl::StrCat("data directory ", data_dir,
                     " does not exist: create it, import legacy files into it with "
                     "`modelrefctl import legacy DIR... --data-dir ",
                     data_dir, "`, or name another one"));
  }
  if (!directory.ok()) return directory.status();
  return absl::InvalidArgumentError(absl::StrCat("data directory ", data_dir, " is a file"));
}

}  // namespace modelref

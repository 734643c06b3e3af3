#pragma once

// What the parts of a server are told, from its configuration.

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "modelref/v1/config.pb.h"
#include "service/caller_limits.h"
#include "service/config_directory.h"
#include "service/gzip_cache.h"
#include "service/rpc/server_options.h"
#include "service/rpc/tls_reloader.h"
#include "service/watch/position_waiter.h"
#include "service/watch_service.h"
#include "service/write/write_plan.h"

namespace modelref {

Format CanonicalFormat(const v1::ServerConfig& config);
// Raises the limit of file descriptors. `tls`, null for plaintext, and `clock` must outlive the
// server that gets the options.
RpcServerOptions MakeRpcOptions(const v1::ServerConfig& config, Admission admission,
                                TlsReloader* tls, Clock& clock);
// None without a certificate.
std::optional<TlsReloader::Options> MakeTlsOptions(const v1::TlsConfig& config);
CallerLimits::Options MakeCallerLimits(const v1::Limits& limits);
// The memory the process may use, in bytes; 0: unknown.
uint64_t MemoryLimit(const v1::ServerConfig& config);
WatchService::Options MakeWatchOptions(const v1::ServerConfig& config);
PositionWaiter::Options MakePositionOptions(const v1::ServerConfig& config);
GzipCache::Options MakeGzipOptions(const v1::ServerConfig& config);
WriteLimits MakeWriteLimits(const v1::ServerConfig& config);
// Not OK: why the server commits no writes, with the reason that they answer.
absl::Status WriteRefusal(const v1::ServerConfig& config);

// How the server stops.
struct DrainPlan {
  absl::Duration delay;   // NOT_SERVING, and all goes on.
  absl::Duration spread;  // Streams end one after the other.
  absl::Duration grace;   // Calls may finish.
};
DrainPlan MakeDrainPlan(const v1::RuntimeConfig& config, int64_t streams);

// Says at start what would otherwise show as fifteen damaged documents: the directory is missing,
// or is none.
absl::Status CheckDataDir(const std::string& data_dir);

}  // namespace modelref

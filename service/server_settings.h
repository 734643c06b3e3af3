#pragma once

// What the parts of a server are told, from its configuration.

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/category_registry.h"
#include "modelref/v1/config.pb.h"
#include "service/auth/access_control.h"
#include "service/gzip_cache.h"
#include "service/rpc/server_options.h"
#include "service/store/data_directory.h"
#include "service/watch/watch_session.h"

namespace modelref {

Format CanonicalFormat(const v1::ServerConfig& config);
std::vector<ExtraCategory> ExtraCategories(const v1::ServerConfig& config);
// `access` and `clock` must outlive the server that gets the options.
RpcServerOptions MakeRpcOptions(const v1::ServerConfig& config, const AccessControl& access,
                                Clock& clock);
DataDirectory::Options MakeDirectoryOptions(const v1::ServerConfig& config);
WatchSession::Options MakeWatchOptions(const v1::ServerConfig& config);
PositionWaiter::Options MakePositionOptions(const v1::ServerConfig& config);
GzipCache::Options MakeGzipOptions(const v1::ServerConfig& config);
absl::Duration ShutdownGrace(const v1::ServerConfig& config);

// Says at start what would otherwise show as fifteen damaged documents: the directory is missing,
// or is none.
absl::Status CheckDataDir(const std::string& data_dir);

}  // namespace modelref

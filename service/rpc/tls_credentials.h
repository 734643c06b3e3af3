#pragma once

#include <memory>

#include "service/rpc/tls_reloader.h"

namespace modelref {

// Credentials of one listener that ask `reloader`, which must outlive the server, for its content
// at each handshake.
std::shared_ptr<grpc::ServerCredentials> MakeReloadingCredentials(const TlsReloader& reloader,
                                                                  const TlsFiles& files);

}  // namespace modelref

#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace modelref {

// Calls the health service of a server at `address` over a connection of its own, as a client
// would, and waits for an answer. With `tls`, without looking at the certificate: the point is
// whether the server answers. Blocks for at most `timeout`.
absl::Status ProbeServer(const std::string& address, bool tls, absl::Duration timeout);

}  // namespace modelref

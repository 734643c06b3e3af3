#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modelref {

// Where a server listens, checked and in the form gRPC wants.
struct ServerAddress {
  std::string target;  // "dns:///host:port" or "unix:/path".
  std::string text;    // As the user wrote it, for messages.
  bool local = false;  // A unix socket or a loopback address: nothing leaves the machine.
};

// Understands host:port, [ipv6]:port and unix:/path. A name counts as local only when it is
// "localhost"; any other name may resolve to anything.
//   INVALID_ARGUMENT (`BAD_ADDRESS`)  anything else, such as a missing port.
absl::StatusOr<ServerAddress> ParseServerAddress(absl::string_view text);

}  // namespace modelref

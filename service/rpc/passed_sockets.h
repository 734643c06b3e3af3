#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "service/rpc/listen_socket.h"

namespace modelref {

// The listening sockets that systemd passed to this process (LISTEN_PID, LISTEN_FDS,
// LISTEN_FDNAMES): all for "systemd", those of a FileDescriptorName for "systemd:name". A socket is
// given out once.
//   INVALID_ARGUMENT ADDRESS_INVALID   none was passed, or one that does not listen on a stream.
absl::StatusOr<std::vector<ListenSocket>> TakePassedSockets(const std::string& address);

}  // namespace modelref

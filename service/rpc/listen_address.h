#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref {

// True for "unix:/path".
bool IsUnixAddress(absl::string_view address);

// Finds out, by trying, whether gRPC will be able to listen there, because gRPC itself only says no
// and logs why. A unix socket that nobody answers on is removed (gRPC removes any socket, in use or
// not). Blocks on name resolution. The messages name the address and what to do:
//   INVALID_ARGUMENT ADDRESS_INVALID     not "host:port" or "unix:/path"; not an address of this
//                                        machine; a path that is no socket or has no directory
//   FAILED_PRECONDITION ADDRESS_IN_USE   somebody listens there
//   PERMISSION_DENIED ADDRESS_DENIED     a privileged port or an unwritable directory
absl::Status PrepareListenAddress(absl::string_view address);

// "127.0.0.1:0" with the real port in place of its own.
std::string WithPort(absl::string_view address, int port);

}  // namespace modelref

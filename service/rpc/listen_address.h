#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref {

// "host:port" in its parts; the host is without the brackets of IPv6.
struct HostPort {
  std::string host;
  std::string port;
};
// None when there is no host, or no port from 0 to 65535.
std::optional<HostPort> SplitHostPort(absl::string_view address);

// True for "unix:/path".
bool IsUnixAddress(absl::string_view address);
// True for "systemd" and "systemd:name".
bool IsSystemdAddress(absl::string_view address);

// "127.0.0.1:0" with the real port in place of its own.
std::string WithPort(absl::string_view address, int port);

// Why one cannot listen there. The messages name the address and what to do:
//   INVALID_ARGUMENT ADDRESS_INVALID     not an address, or not of this machine
//   FAILED_PRECONDITION ADDRESS_IN_USE   somebody listens there
//   PERMISSION_DENIED ADDRESS_DENIED     a privileged port or an unwritable directory
absl::Status AddressInvalid(absl::string_view address, absl::string_view why);
absl::Status AddressInUse(absl::string_view address);
absl::Status AddressDenied(absl::string_view address, int error);
// The one of them that `error`, an errno, means.
absl::Status AddressError(absl::string_view address, int error);

}  // namespace modelref

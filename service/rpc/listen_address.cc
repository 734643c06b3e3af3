#include "service/rpc/listen_address.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/error.h"

namespace modelref {

std::optional<HostPort> SplitHostPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 0 || port > 65535) {
    return std::nullopt;
  }
  absl::string_view host = address.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) {
    if (!absl::ConsumeSuffix(&host, "]")) return std::nullopt;
  } else if (absl::StrContains(host, ":")) {
    return std::nullopt;  // "::1:80" means two things.
  }
  if (host.empty()) return std::nullopt;
  return HostPort{std::string(host), std::to_string(port)};
}

bool IsUnixAddress(absl::string_view address) { return absl::StartsWith(address, "unix:"); }

bool IsSystemdAddress(absl::string_view address) {
  return address == "systemd" || absl::StartsWith(address, "systemd:");
}

std::string WithPort(absl::string_view address, int port) {
  if (IsUnixAddress(address)) return std::string(address);
  return absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
}

absl::Status AddressInvalid(absl::string_view address, absl::string_view why) {
  return Error(
      absl::StatusCode::kInvalidArgument, "ADDRESS_INVALID",
      absl::StrCat("cannot listen on \"", address, "\": ", why, "; give host:port or unix:/path"));
}

absl::Status AddressInUse(absl::string_view address) {
  return Error(absl::StatusCode::kFailedPrecondition, "ADDRESS_IN_USE",
               absl::StrCat("cannot listen on ", address,
                            ": another process does; stop it or choose another address"));
}

absl::Status AddressDenied(absl::string_view address, int error) {
  return Error(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
               absl::StrCat("cannot listen on ", address, ": ", std::strerror(error),
                            "; choose a port above 1023 or a directory this user may write"));
}

absl::Status AddressError(absl::string_view address, int error) {
  if (error == EADDRINUSE) return AddressInUse(address);
  if (error == EACCES || error == EPERM) return AddressDenied(address, error);
  return AddressInvalid(address, std::strerror(error));
}

}  // namespace modelref

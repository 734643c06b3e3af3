#include "service/rpc/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";

class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Invalid(absl::string_view address, absl::string_view why) {
  return Error(
      absl::StatusCode::kInvalidArgument, "ADDRESS_INVALID",
      absl::StrCat("cannot listen on \"", address, "\": ", why, "; give host:port or unix:/path"));
}

absl::Status InUse(absl::string_view address) {
  return Error(absl::StatusCode::kFailedPrecondition, "ADDRESS_IN_USE",
               absl::StrCat("cannot listen on ", address,
                            ": another process does; stop it or choose another address"));
}

absl::Status Denied(absl::string_view address, int error) {
  return Error(absl::StatusCode::kPermissionDenied, "ADDRESS_DENIED",
               absl::StrCat("cannot listen on ", address, ": ", std::strerror(error),
                            "; choose a port above 1023 or a directory this user may write"));
}

struct HostPort {
  std::string host;  // Without the brackets of IPv6.
  std::string port;
};

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

std::optional<sockaddr_un> UnixSocketAddress(absl::string_view path) {
  sockaddr_un socket_address{};
  socket_address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(socket_address.sun_path)) return std::nullopt;
  std::copy(path.begin(), path.end(), socket_address.sun_path);
  return socket_address;
}

// Does nothing when the path is free.
absl::Status RemoveStaleSocket(absl::string_view address, const std::string& path,
                               const sockaddr_un& socket_address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Denied(address, errno);
  }
  if (!S_ISSOCK(info.st_mode)) return Invalid(address, "the path exists and is not a socket");
  const Socket probe(AF_UNIX);
  if (probe.fd() < 0) return Denied(address, errno);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&socket_address);
  if (connect(probe.fd(), generic, sizeof(socket_address)) == 0) return InUse(address);
  // Anything but a refusal may come from a server that is merely busy.
  if (errno != ECONNREFUSED) return errno == EACCES ? Denied(address, errno) : InUse(address);
  if (unlink(path.c_str()) != 0) return Denied(address, errno);
  return absl::OkStatus();
}

absl::Status ExplainErrno(absl::string_view address, int error) {
  if (error == EADDRINUSE) return InUse(address);
  if (error == EACCES || error == EPERM) return Denied(address, error);
  return Invalid(address, std::strerror(error));
}

// Zero or an errno.
int TryBind(int family, const sockaddr* address, socklen_t size) {
  const Socket probe(family);
  if (probe.fd() < 0) return errno;
  // As gRPC does: connections of an earlier server that linger do not count as use.
  const int on = 1;
  setsockopt(probe.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return bind(probe.fd(), address, size) == 0 ? 0 : errno;
}

absl::Status PrepareUnix(absl::string_view address) {
  const std::string path(absl::StripPrefix(address, kUnixPrefix));
  const auto socket_address = UnixSocketAddress(path);
  if (!socket_address.has_value()) return Invalid(address, "the path is empty or too long");
  RETURN_IF_ERROR(RemoveStaleSocket(address, path, *socket_address));
  const auto* const generic = reinterpret_cast<const sockaddr*>(&*socket_address);
  const int error = TryBind(AF_UNIX, generic, sizeof(*socket_address));
  if (error != 0) return ExplainErrno(address, error);
  unlink(path.c_str());
  return absl::OkStatus();
}

// A name may stand for several addresses. gRPC is content with one of them; half of them taken by
// somebody else is an error all the same.
absl::Status PrepareTcp(absl::string_view address) {
  const auto target = SplitHostPort(address);
  if (!target.has_value()) return Invalid(address, "no host or no port 0-65535");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int resolved = getaddrinfo(target->host.c_str(), target->port.c_str(), &hints, &found);
  if (resolved != 0) return Invalid(address, gai_strerror(resolved));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  bool bound = false;
  int last_error = 0;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    const int error = TryBind(info->ai_family, info->ai_addr, info->ai_addrlen);
    if (error == EADDRINUSE || error == EACCES) return ExplainErrno(address, error);
    bound = bound || error == 0;
    last_error = error;
  }
  return bound ? absl::OkStatus() : ExplainErrno(address, last_error);
}

}  // namespace

bool IsUnixAddress(absl::string_view address) { return absl::StartsWith(address, kUnixPrefix); }

absl::Status PrepareListenAddress(absl::string_view address) {
  return IsUnixAddress(address) ? PrepareUnix(address) : PrepareTcp(address);
}

std::string WithPort(absl::string_view address, int port) {
  if (IsUnixAddress(address)) return std::string(address);
  return absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
}

}  // namespace modelref

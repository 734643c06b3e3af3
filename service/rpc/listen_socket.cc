#include "service/rpc/listen_socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/status_macros.h"
#include "service/rpc/listen_address.h"
#include "service/rpc/passed_sockets.h"
#include "service/rpc/peer_address.h"

namespace modelref {
namespace {

// More than any kernel's default allows, which is what then counts.
constexpr int kBacklog = 4096;

UniqueFd NewSocket(int family) {
  return UniqueFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void SetOption(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

std::optional<sockaddr_un> UnixSocketAddress(absl::string_view path) {
  sockaddr_un socket_address{};
  socket_address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(socket_address.sun_path)) return std::nullopt;
  std::copy(path.begin(), path.end(), socket_address.sun_path);
  return socket_address;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Does nothing when the path is free.
absl::Status RemoveStaleSocket(absl::string_view address, const std::string& path,
                               const sockaddr_un& socket_address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : AddressError(address, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return AddressInvalid(address, "the path exists and is not a socket");
  }
  const UniqueFd probe = NewSocket(AF_UNIX);
  if (!probe.valid()) return AddressError(address, errno);
  if (connect(probe.get(), Generic(socket_address), sizeof(socket_address)) == 0) {
    return AddressInUse(address);
  }
  // Anything but a refusal may come from a server that is merely busy.
  if (errno != ECONNREFUSED) {
    return errno == EACCES ? AddressDenied(address, errno) : AddressInUse(address);
  }
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : AddressDenied(address, errno);
}

absl::StatusOr<std::vector<ListenSocket>> OpenUnix(const std::string& address, mode_t mode) {
  const std::string path(absl::StripPrefix(address, "unix:"));
  const auto socket_address = UnixSocketAddress(path);
  if (!socket_address.has_value()) return AddressInvalid(address, "the path is empty or too long");
  RETURN_IF_ERROR(RemoveStaleSocket(address, path, *socket_address));
  UniqueFd fd = NewSocket(AF_UNIX);
  if (!fd.valid()) return AddressError(address, errno);
  // The file is made with these permissions, less the umask, and never has wider ones.
  fchmod(fd.get(), mode);
  if (bind(fd.get(), Generic(*socket_address), sizeof(*socket_address)) != 0) {
    return AddressError(address, errno);
  }
  std::vector<ListenSocket> sockets;
  const int listening = fd.get();
  sockets.emplace_back(std::move(fd), address).OwnFile(path);
  if (chmod(path.c_str(), mode) != 0 || listen(listening, kBacklog) != 0) {
    return AddressError(address, errno);
  }
  return sockets;
}

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  if (bound.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

// Zero or an errno.
int BindTcp(int fd, const addrinfo& info, int port, const ListenSocketOptions& options) {
  sockaddr_storage to{};
  std::memcpy(&to, info.ai_addr, info.ai_addrlen);
  if (info.ai_family == AF_INET6) {
    auto* const to6 = reinterpret_cast<sockaddr_in6*>(&to);
    if (port != 0) to6->sin6_port = htons(static_cast<uint16_t>(port));
    // "[::]" means every address of the machine, those of IPv4 too.
    SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, IN6_IS_ADDR_UNSPECIFIED(&to6->sin6_addr) ? 0 : 1);
  } else if (port != 0) {
    reinterpret_cast<sockaddr_in*>(&to)->sin_port = htons(static_cast<uint16_t>(port));
  }
  // Connections of an earlier server that linger do not count as use.
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  // Accepted sockets inherit these.
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
            static_cast<int>(absl::ToInt64Milliseconds(options.unacknowledged_for)));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&to), info.ai_addrlen) != 0) return errno;
  return listen(fd, kBacklog) == 0 ? 0 : errno;
}

// A name may stand for several addresses. One of them is enough; half of them taken by somebody
// else is an error all the same.
absl::StatusOr<std::vector<ListenSocket>> OpenTcp(const std::string& address,
                                                  const ListenSocketOptions& options) {
  const auto target = SplitHostPort(address);
  if (!target.has_value()) return AddressInvalid(address, "no host or no port 0-65535");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int resolved = getaddrinfo(target->host.c_str(), target->port.c_str(), &hints, &found);
  if (resolved != 0) return AddressInvalid(address, gai_strerror(resolved));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<ListenSocket> sockets;
  int port = 0;
  int last_error = 0;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    UniqueFd fd = NewSocket(info->ai_family);
    const int error = fd.valid() ? BindTcp(fd.get(), *info, port, options) : errno;
    if (error == EADDRINUSE || error == EACCES) return AddressError(address, error);
    if (error != 0) {
      last_error = error;
      continue;
    }
    port = PortOf(fd.get());
    sockets.emplace_back(std::move(fd), WithPort(address, port));
  }
  if (sockets.empty()) return AddressError(address, last_error);
  return sockets;
}

}  // namespace

ListenSocket::~ListenSocket() {
  if (!fd_.valid() || path_.empty()) return;
  struct stat info {};
  const bool ours =
      lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
  if (ours) unlink(path_.c_str());
}

int ListenSocket::port() const { return IsUnixAddress(address_) ? 0 : PortOf(fd()); }

void ListenSocket::OwnFile(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return;
  path_ = path;
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

absl::StatusOr<std::vector<ListenSocket>> OpenListenSockets(const std::string& address,
                                                            const ListenSocketOptions& options) {
  if (IsSystemdAddress(address)) return TakePassedSockets(address);
  return IsUnixAddress(address) ? OpenUnix(address, options.unix_mode) : OpenTcp(address, options);
}

}  // namespace modelref

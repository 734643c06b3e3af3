#include "service/rpc/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace modelref {
namespace {

std::string TextOf(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const char* const written = inet_ntop(family, address, text.data(), text.size());
  return written == nullptr ? "" : written;
}

std::string OriginOf(in6_addr address) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) return TextOf(AF_INET, &address.s6_addr[12]);
  std::memset(&address.s6_addr[8], 0, 8);
  return absl::StrCat(TextOf(AF_INET6, &address), "/64");
}

}  // namespace

std::string LocalAddressOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return "unknown";
  if (bound.ss_family == AF_UNIX) {
    return absl::StrCat("unix:", reinterpret_cast<const sockaddr_un*>(&bound)->sun_path);
  }
  if (bound.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(bound);
    return absl::StrCat(TextOf(AF_INET, &v4.sin_addr), ":", ntohs(v4.sin_port));
  }
  if (bound.ss_family != AF_INET6) return "unknown";
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(bound);
  return absl::StrCat("[", TextOf(AF_INET6, &v6.sin6_addr), "]:", ntohs(v6.sin6_port));
}

std::string OriginOf(const sockaddr_storage& peer) {
  if (peer.ss_family == AF_INET) {
    return TextOf(AF_INET, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr);
  }
  if (peer.ss_family != AF_INET6) return "";
  return OriginOf(reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr);
}

std::string OriginOf(absl::string_view peer) {
  absl::string_view rest = peer.substr(0, peer.rfind(':'));
  if (absl::ConsumePrefix(&rest, "ipv4:")) return std::string(rest);
  if (absl::ConsumePrefix(&rest, "ipv6:[")) {
    // A link-local address names its link behind '%'.
    const std::string host(rest.substr(0, rest.find_first_of("%]")));
    in6_addr address{};
    if (inet_pton(AF_INET6, host.c_str(), &address) == 1) return OriginOf(address);
  }
  return std::string(peer.substr(0, peer.rfind(':')));
}

}  // namespace modelref

#include "clients/cpp/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

// A unix socket's path has to fit into sockaddr_un.
constexpr size_t kMaxSocketPath = 107;
constexpr size_t kMaxHostBytes = 255;

absl::Status BadAddress(absl::string_view text, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_ADDRESS",
               absl::StrCat("server address \"", text, "\": ", why,
                            "; write host:port, [ipv6]:port or unix:/path"));
}

bool IsLoopback(const std::string& host) {
  if (absl::EqualsIgnoreCase(host, "localhost")) return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_' ||
         c == ':' || c == '%';
}

bool IsHost(absl::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  for (const char c : host) {
    if (!IsHostCharacter(c)) return false;
  }
  return true;
}

absl::StatusOr<ServerAddress> ParseSocketPath(absl::string_view text, absl::string_view path) {
  if (path.empty()) return BadAddress(text, "the socket's path is missing");
  if (path.size() > kMaxSocketPath) return BadAddress(text, "the socket's path is too long");
  return ServerAddress{absl::StrCat("unix:", path), std::string(text), true};
}

}  // namespace

absl::StatusOr<ServerAddress> ParseServerAddress(absl::string_view text) {
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) return ParseSocketPath(text, rest);
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return BadAddress(text, "the port is missing");
  const absl::string_view port_text = text.substr(colon + 1);
  uint32_t port = 0;
  const bool is_number = std::all_of(port_text.begin(), port_text.end(), &IsDigit) &&
                         absl::SimpleAtoi(port_text, &port);
  if (!is_number || port == 0 || port > 65535) {
    return BadAddress(text, "the port is not a number from 1 to 65535");
  }
  absl::string_view host = text.substr(0, colon);
  const bool bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  if (!IsHost(host)) return BadAddress(text, "the host is not a name or an address");
  if (!bracketed && absl::StrContains(host, ":")) {
    return BadAddress(text, "an IPv6 address needs brackets");
  }
  return ServerAddress{absl::StrCat("dns:///", text), std::string(text),
                       IsLoopback(std::string(host))};
}

}  // namespace modelref

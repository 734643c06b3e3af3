#include "service/auth/caller.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace modelref {
namespace {

constexpr std::array<std::pair<Role, absl::string_view>, 6> kRoleNames = {{
    {Role::kNone, "none"},
    {Role::kReader, "reader"},
    {Role::kRequestor, "requestor"},
    {Role::kApprover, "approver"},
    {Role::kAdmin, "admin"},
    {Role::kWorker, "worker"},
}};

}  // namespace

absl::string_view RoleName(Role role) {
  for (const auto& [known, name] : kRoleNames) {
    if (known == role) return name;
  }
  return "none";
}

std::optional<Role> FindRole(absl::string_view name) {
  for (const auto& [role, known] : kRoleNames) {
    if (known == name && role != Role::kNone) return role;
  }
  return std::nullopt;
}

bool Includes(Role held, Role needed) {
  if (held == needed || needed == Role::kNone) return true;
  if (held == Role::kWorker) return needed == Role::kReader;
  if (needed == Role::kWorker) return held == Role::kAdmin;
  return held > needed;
}

PeerKind PeerKindOf(absl::string_view peer) {
  if (absl::StartsWith(peer, "unix:") || absl::StartsWith(peer, "unix-abstract:")) {
    return PeerKind::kUnix;
  }
  if (absl::StartsWith(peer, "ipv4:127.")) return PeerKind::kLoopback;
  const std::string plain = absl::StrReplaceAll(
      peer, {{"%5B", "["}, {"%5D", "]"}, {"%5b", "["}, {"%5d", "]"}, {"%3A", ":"}, {"%3a", ":"}});
  absl::string_view rest = plain;
  if (!absl::ConsumePrefix(&rest, "ipv6:[")) return PeerKind::kRemote;
  const absl::string_view host = rest.substr(0, rest.find(']'));
  const bool loopback = host == "::1" || absl::StartsWith(host, "::ffff:127.");
  return loopback ? PeerKind::kLoopback : PeerKind::kRemote;
}

}  // namespace modelref

#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modelref {

// What a caller may do (DESIGN 10). Reader, requestor, approver and admin each include the ones
// before; a worker uses the lifecycle registry and reads; an admin is a worker too.
enum class Role { kNone, kReader, kRequestor, kApprover, kAdmin, kWorker };

// "reader", "requestor", ..., as in messages, tokens files and metadata of errors.
absl::string_view RoleName(Role role);
std::optional<Role> FindRole(absl::string_view name);

// True when somebody who has `held` may do what needs `needed`.
bool Includes(Role held, Role needed);

enum class PeerKind { kUnix, kLoopback, kRemote };

// From gRPC's notation of a peer: "unix:/run/x", "ipv4:127.0.0.1:5000", "ipv6:[::1]:5000" (brackets
// may be percent-encoded). What is not understood is remote. A proxy on this machine makes all its
// callers look local: it must not forward to a server without identities.
PeerKind PeerKindOf(absl::string_view peer);

inline bool IsLocal(PeerKind kind) { return kind != PeerKind::kRemote; }

// How the server knows a caller.
enum class IdentitySource { kAnonymous, kToken, kHorde, kCertificate };

// Who calls.
struct Caller {
  std::string id;    // What lists of ids and the audit trail name; empty when anonymous.
  std::string name;  // For people; empty when anonymous.
  Role role = Role::kNone;
  PeerKind peer = PeerKind::kRemote;
  IdentitySource source = IdentitySource::kAnonymous;
  absl::Time expires = absl::InfiniteFuture();  // Streams end then.
};

// What a call brings along to say who it is from. Views live as long as the call. Never logged.
struct Credentials {
  PeerKind peer = PeerKind::kRemote;
  bool encrypted = false;
  std::optional<absl::string_view> authorization;  // "Bearer ..."
  std::optional<absl::string_view> apikey;
  bool repeated = false;            // One of them came more than once.
  std::string certificate_subject;  // Verified when the connection began; empty without one.
  absl::string_view certificate_pem;
  // Waits for the answer about an identity for as long as that may take. Otherwise who was known a
  // short time ago does not wait long for a source that is slow.
  bool patient = false;

  bool has_secret() const { return authorization.has_value() || apikey.has_value(); }
  bool empty() const { return !has_secret() && certificate_subject.empty(); }
};

}  // namespace modelref

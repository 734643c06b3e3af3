#include "service/auth/access_control.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

absl::Status MissingCredential(absl::string_view what, Role role) {
  ErrorExtras extras;
  extras.metadata["role"] = std::string(RoleName(role));
  return Error(absl::StatusCode::kUnauthenticated, "CREDENTIAL_MISSING",
               absl::StrCat(what, " needs a credential with the ", RoleName(role), " role"),
               std::move(extras));
}

absl::Status MissingRole(absl::string_view what, Role role) {
  ErrorExtras extras;
  extras.metadata["role"] = std::string(RoleName(role));
  return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
               absl::StrCat(what, " needs the ", RoleName(role), " role"), std::move(extras));
}

absl::Status NotLocal(absl::string_view what) {
  return Error(absl::StatusCode::kPermissionDenied, "LOOPBACK_ONLY",
               absl::StrCat(what,
                            " is accepted from this machine only, because no source of identities "
                            "is configured"));
}

}  // namespace

bool AccessControl::IsForAnybody(absl::string_view method) const {
  if (authentication_on()) return false;
  const PolicyRow* row = FindPolicy(method);
  return row != nullptr && row->role == Role::kReader;
}

Caller AccessControl::UnidentifiedCaller(PeerKind peer) {
  Caller caller;
  caller.role = IsLocal(peer) ? Role::kAdmin : Role::kReader;
  caller.peer = peer;
  return caller;
}

absl::StatusOr<Caller> AccessControl::Identify(const Credentials& credentials) const {
  if (!authentication_on()) return UnidentifiedCaller(credentials.peer);
  Caller caller;
  caller.role = Role::kReader;
  if (credentials.has_secret() || !credentials.certificate_subject.empty()) {
    if (credentials.has_secret() && !credentials.encrypted && !IsLocal(credentials.peer) &&
        !options_.allow_plaintext_secrets) {
      return Error(absl::StatusCode::kPermissionDenied, "PLAINTEXT_CREDENTIAL",
                   "a credential came over plaintext; use TLS and replace the credential");
    }
    ASSIGN_OR_RETURN(caller, options_.authenticator->Identify(credentials));
  }
  caller.peer = credentials.peer;
  return caller;
}

absl::StatusOr<Caller> AccessControl::Admit(absl::string_view method,
                                            const Credentials& credentials) const {
  const PolicyRow* row = FindPolicy(method);
  if (row == nullptr) return MissingRole(method, Role::kAdmin);
  if (row->role == Role::kNone) {
    Caller anybody;
    anybody.peer = credentials.peer;
    return anybody;
  }
  ASSIGN_OR_RETURN(Caller caller, Identify(credentials));
  RETURN_IF_ERROR(Require(caller, row->role, method));
  return caller;
}

absl::Status AccessControl::Require(const Caller& caller, Role role, absl::string_view what) const {
  if (Includes(caller.role, role)) return absl::OkStatus();
  if (!authentication_on()) return NotLocal(what);
  if (caller.source == IdentitySource::kAnonymous) return MissingCredential(what, role);
  return MissingRole(what, role);
}

}  // namespace modelref

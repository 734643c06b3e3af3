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

std::optional<absl::StatusOr<Caller>> AccessControl::IdentifyCaller(
    const Credentials& credentials) const {
  if (!authentication_on()) return absl::StatusOr<Caller>(UnidentifiedCaller(credentials.peer));
  if (credentials.empty()) {
    Caller anonymous;
    anonymous.role = Role::kReader;
    return absl::StatusOr<Caller>(std::move(anonymous));
  }
  if (credentials.has_secret() && !credentials.encrypted && !IsLocal(credentials.peer) &&
      !options_.allow_plaintext_secrets) {
    return absl::StatusOr<Caller>(
        Error(absl::StatusCode::kPermissionDenied, "PLAINTEXT_CREDENTIAL",
              "a credential came over plaintext; use TLS and replace the credential"));
  }
  return options_.authenticator->Identify(credentials);
}

std::optional<absl::StatusOr<Caller>> AccessControl::Identify(
    absl::string_view method, const Credentials& credentials) const {
  const PolicyRow* row = FindPolicy(method);
  if (row == nullptr || row->role == Role::kNone) return absl::StatusOr<Caller>(Caller());
  return IdentifyCaller(credentials);
}

std::optional<absl::StatusOr<Caller>> AccessControl::Admit(absl::string_view method,
                                                           const Credentials& credentials) const {
  std::optional<absl::StatusOr<Caller>> identified = Identify(method, credentials);
  if (!identified.has_value()) return std::nullopt;
  return AdmitAs(method, credentials.peer, *std::move(identified));
}

void AccessControl::Ask(const Credentials& credentials, IdentityCallback done) const {
  options_.authenticator->Ask(credentials, std::move(done));
}

absl::StatusOr<Caller> AccessControl::AdmitAs(absl::string_view method, PeerKind peer,
                                              absl::StatusOr<Caller> identified) const {
  const PolicyRow* row = FindPolicy(method);
  if (row == nullptr) return MissingRole(method, Role::kAdmin);
  RETURN_IF_ERROR(identified.status());
  identified->peer = peer;
  RETURN_IF_ERROR(Require(*identified, row->role, method));
  return identified;
}

std::optional<absl::Status> AccessControl::Review(absl::string_view method,
                                                  const Credentials& credentials) const {
  if (!authentication_on() || credentials.empty()) return absl::OkStatus();
  const std::optional<absl::StatusOr<Caller>> admitted = Admit(method, credentials);
  if (!admitted.has_value()) return std::nullopt;
  return ReviewAs(method, credentials.peer, *admitted);
}

absl::Status AccessControl::ReviewAs(absl::string_view method, PeerKind peer,
                                     const absl::StatusOr<Caller>& identified) const {
  const PolicyRow* row = FindPolicy(method);
  const bool is_for_readers = row != nullptr && Includes(Role::kReader, row->role);
  if (is_for_readers && absl::IsUnavailable(identified.status())) return absl::OkStatus();
  return AdmitAs(method, peer, identified).status();
}

absl::Status AccessControl::Require(const Caller& caller, Role role, absl::string_view what) const {
  if (Includes(caller.role, role)) return absl::OkStatus();
  if (!authentication_on()) return NotLocal(what);
  if (caller.source == IdentitySource::kAnonymous) return MissingCredential(what, role);
  return MissingRole(what, role);
}

}  // namespace modelref

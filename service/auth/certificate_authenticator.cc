#include "service/auth/certificate_authenticator.h"

#include "backends/base/error.h"

namespace modelref {

Role CallerRoles::Of(const std::string& id) const {
  if (admins.count(id) > 0) return Role::kAdmin;
  if (approvers.count(id) > 0) return Role::kApprover;
  if (requestors.count(id) > 0) return Role::kRequestor;
  return workers.count(id) > 0 ? Role::kWorker : Role::kReader;
}

absl::StatusOr<Caller> CertificateAuthenticator::Identify(const Credentials& credentials) const {
  if (credentials.certificate_subject.empty()) {
    return Error(absl::StatusCode::kUnauthenticated, "CREDENTIAL_INVALID",
                 "this server knows callers by their client certificates alone");
  }
  Caller caller;
  caller.id = credentials.certificate_subject;
  caller.name = caller.id;
  caller.role = roles_.Of(caller.id);
  caller.source = IdentitySource::kCertificate;
  return caller;
}

}  // namespace modelref

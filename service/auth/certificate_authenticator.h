#pragma once

#include <set>
#include <string>
#include <utility>

#include "service/auth/authenticator.h"

namespace modelref {

// The ids of callers by role; the highest of a caller counts.
struct CallerRoles {
  std::set<std::string> requestors;
  std::set<std::string> approvers;
  std::set<std::string> admins;
  std::set<std::string> workers;

  // Reader when none names the id.
  Role Of(const std::string& id) const;
};

// Callers by the subject of their verified certificate, as RFC 2253 writes it:
// "CN=worker-7,O=Fleet". Other credentials are unknown to it. Thread-safe.
class CertificateAuthenticator final : public Authenticator {
 public:
  explicit CertificateAuthenticator(CallerRoles roles) : roles_(std::move(roles)) {}

  absl::StatusOr<Caller> Identify(const Credentials& credentials) const override;

 private:
  const CallerRoles roles_;
};

}  // namespace modelref

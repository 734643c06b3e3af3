#include "service/auth/caller_roles.h"

namespace modelref {

Role CallerRoles::Of(const std::string& id) const {
  if (admins.count(id) > 0) return Role::kAdmin;
  if (approvers.count(id) > 0) return Role::kApprover;
  if (requestors.count(id) > 0) return Role::kRequestor;
  return workers.count(id) > 0 ? Role::kWorker : Role::kReader;
}

}  // namespace modelref

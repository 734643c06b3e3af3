#pragma once

#include <set>
#include <string>

#include "service/auth/caller.h"

namespace modelref {

// The ids of callers by role; the highest of a caller counts.
struct CallerRoles {
  std::set<std::string> requestors;
  std::set<std::string> approvers;
  std::set<std::string> admins;
  std::set<std::string> workers;

  // Reader when none names the id, and so for everybody when all are empty.
  Role Of(const std::string& id) const;
};

}  // namespace modelref

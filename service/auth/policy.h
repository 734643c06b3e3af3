#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "service/auth/caller.h"

namespace modelref {

// Which role a method needs at least. Some methods look closer: a direct write needs an approver, a
// requestor sees own changes only.
struct PolicyRow {
  absl::string_view method;  // "/package.Service/Method"
  Role role;                 // kNone: open to everybody, credential or not.
};

// One row for every method of every service; a test compares it with the contract.
const std::vector<PolicyRow>& PolicyTable();

// Null for a method that has no row: nobody may call it.
const PolicyRow* FindPolicy(absl::string_view method);

}  // namespace modelref

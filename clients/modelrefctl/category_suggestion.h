#pragma once

#include "absl/status/status.h"
#include "clients/modelrefctl/invocation.h"

namespace modelref::ctl {

// Adds the category that the user most likely meant to an error that says there is none of the name
// given as first argument; asks the server for its categories. Every other status stays as it is.
absl::Status WithCategorySuggestion(Invocation& invocation, absl::Status status);

}  // namespace modelref::ctl

#pragma once

#include <string>

#include "absl/status/status.h"
#include "clients/modelrefctl/invocation.h"

namespace modelref::ctl {

// Whether the user is asked before something is destroyed: stdin and stderr are a terminal, and
// --yes is not given.
bool MayAsk(Invocation& invocation);

// Asks "QUESTION [y/N] " on stderr. OK after "y" or "yes"; CANCELLED (NOT_CONFIRMED) otherwise.
absl::Status Confirm(Invocation& invocation, const std::string& question);

}  // namespace modelref::ctl

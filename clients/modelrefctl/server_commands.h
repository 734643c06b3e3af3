#pragma once

#include "absl/status/status.h"
#include "clients/modelrefctl/invocation.h"

namespace modelref::ctl {

// `health`: asks grpc.health.v1 for one service or the whole server.
absl::Status RunHealth(Invocation& invocation);

// `info`, `whoami` and `stats`.
absl::Status RunInfo(Invocation& invocation);
absl::Status RunWhoAmI(Invocation& invocation);
absl::Status RunStats(Invocation& invocation);

}  // namespace modelref::ctl

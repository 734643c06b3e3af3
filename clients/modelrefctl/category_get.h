#pragma once

#include "absl/status/status.h"
#include "clients/modelrefctl/invocation.h"

namespace modelref::ctl {

// `category get`: streams one document to stdout and verifies it. Memory is one record and up to
// 4 MiB of output: smaller documents are verified before anything is printed.
absl::Status RunCategoryGet(Invocation& invocation);

}  // namespace modelref::ctl

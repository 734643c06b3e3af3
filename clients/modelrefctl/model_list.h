#pragma once

#include <vector>

#include "absl/status/status.h"
#include "clients/modelrefctl/command_table.h"
#include "clients/modelrefctl/invocation.h"

namespace modelref::ctl {

// The flags of `model list`: conditions, order, paging and columns.
std::vector<FlagSpec> ModelListFlags();

// `model list`. jsonl, plain and name are printed page by page; the other modes need all pages.
absl::Status RunModelList(Invocation& invocation);

}  // namespace modelref::ctl

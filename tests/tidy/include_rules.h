#pragma once

// Who may include whom: the arrows of the design (service/DESIGN.md), as tables.

#include <vector>

#include "tests/tidy/source_text.h"

namespace modelref::tidy {

// Findings for every include of `file` that the arrows forbid, and for a completion queue outside
// service/rpc. Files under tests/ may include everything.
std::vector<Finding> CheckIncludes(const SourceFile& file);

}  // namespace modelref::tidy

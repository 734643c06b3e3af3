#pragma once

#include "absl/strings/string_view.h"

namespace modelref::ctl {

// The version of the project this program was built from, "0.1.0".
absl::string_view Version();

}  // namespace modelref::ctl

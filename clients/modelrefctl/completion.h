#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace modelref::ctl {

// The completion script for bash, zsh or fish, made from the command table; empty for another
// shell. Categories, models and contexts are asked of the program itself while the user types, for
// at most a second.
std::string CompletionScript(absl::string_view shell);

}  // namespace modelref::ctl

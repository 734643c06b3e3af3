#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref::ctl {

// The help about these words: a command, a noun with several commands, or with no words the
// overview. Every one begins with two examples that can be run.
std::string HelpFor(const std::vector<std::string>& words);

// The topics of `help TOPIC`, and their text; empty for an unknown one.
std::vector<std::string> HelpTopics();
std::string HelpTopic(absl::string_view topic);

}  // namespace modelref::ctl

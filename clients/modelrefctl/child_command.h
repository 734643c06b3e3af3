#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref::ctl {

// Runs `command` by /bin/sh with `input` on its stdin and `variables` added to the environment, and
// waits for it. Its stdout and stderr are ours. The command need not read its input.
//   INTERNAL  it could not be started, exited with another status than 0, or died of a signal.
absl::Status RunChild(const std::string& command, absl::string_view input,
                      const std::vector<std::pair<std::string, std::string>>& variables);

// Runs `command` by /bin/sh with `argument` as its last word, and waits for it. It has our
// terminal: stdin, stderr, and stdout, for which stderr stands in unless `has_stdout`; and our
// environment but for MODELREF_TOKEN.
//   INTERNAL  as above.
absl::Status RunOnTerminal(const std::string& command, const std::string& argument,
                           bool has_stdout);

}  // namespace modelref::ctl

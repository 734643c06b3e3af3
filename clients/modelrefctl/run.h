#pragma once

#include <string>
#include <vector>

#include "clients/modelrefctl/host.h"

namespace modelref::ctl {

// The exit status of a reader that left early: what the shell calls death by SIGPIPE. main() dies
// of the signal instead.
inline constexpr int kClosedPipeExit = 141;

// Runs one command line (without the program's name) and returns the exit status of the process.
// Data goes to host.out, everything else to host.err.
int Run(const std::vector<std::string>& arguments, Host& host);

}  // namespace modelref::ctl

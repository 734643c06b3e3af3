#pragma once

#include <functional>
#include <string>

#include "tests/bench/child_process.h"

namespace modelref::bench {

// Records with perf where `server` spends its time while `load` runs, into FOLDER/NAME.perf, and
// prints the functions that took most. Ends the process when perf is missing or may not look.
void ProfileServer(const ChildProcess& server, const std::string& folder, const std::string& name,
                   const std::function<void()>& load);

}  // namespace modelref::bench

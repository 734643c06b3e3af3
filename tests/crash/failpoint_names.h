#pragma once

#include <string>
#include <vector>

namespace modelref::testing {

// The names of all failpoints that the sources of the programs have, sorted.
std::vector<std::string> FailpointNames();

// Why nobody must die at a point in the crash rounds; empty when somebody must.
std::string WhyNotKilled(const std::string& name);

}  // namespace modelref::testing

#pragma once

#include <string>

namespace modelref::testing {

// Where this build's sources are, and its build folder; absolute, without a slash at the end. They
// are compiled into one file only, so that every other one compiles the same in every clone.
const std::string& SourceDir();
const std::string& BinaryDir();

}  // namespace modelref::testing

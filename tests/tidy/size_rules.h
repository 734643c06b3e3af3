#pragma once

// How long files, functions and lines may be.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/tidy/source_text.h"

namespace modelref::tidy {

inline constexpr int kMaxHeaderLines = 300;
inline constexpr int kMaxSourceLines = 500;
inline constexpr int kMaxFunctionLines = 70;
inline constexpr int kMaxCppColumns = 100;
inline constexpr int kMaxProtoColumns = 120;

// A function with a body, from the line of its opening brace to that of its closing one.
struct Function {
  std::string signature;
  int first_line = 0;
  int last_line = 0;
};

// The functions of C++ text in our format, tests and methods in classes included; what is nested in
// a function belongs to it.
std::vector<Function> FindFunctions(absl::string_view cpp);

// Columns are code points.
std::vector<Finding> CheckSizes(const SourceFile& file);

}  // namespace modelref::tidy

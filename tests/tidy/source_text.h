#pragma once

// The files of the source tree, and C++ text without what is not code.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref::tidy {

// A file by its path from the root of the tree, such as "service/main.cc".
struct SourceFile {
  std::string path;
  std::string text;
};

// Something to mend. `line` counts from 1; 0 means the file as a whole.
struct Finding {
  std::string path;
  int line = 0;
  std::string what;
  bool operator==(const Finding&) const = default;
};

// "path:line: what", a line each: what a failing test prints.
std::string Describe(const std::vector<Finding>& findings);

// Reads every text file under `root`, sorted by path. Left out: what is hidden except the
// folder .ci, build trees (folders that hold a CMakeCache.txt), installed packages and files with a
// NUL byte.
std::vector<SourceFile> ReadTree(const std::string& root);

std::vector<std::string> SplitLines(absl::string_view text);

// The text of a C++ file with comments, string contents and character contents replaced by
// spaces. Line ends stay, and so does every offset. Names in #include directives stay.
std::string BlankCommentsAndStrings(absl::string_view text);

// True for paths that end in .h or .cc.
bool IsCpp(absl::string_view path);

}  // namespace modelref::tidy

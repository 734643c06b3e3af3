#pragma once

// What must not be written: names that are banned from our C++, and text that must not be in any
// file.

#include <vector>

#include "tests/tidy/source_text.h"

namespace modelref::tidy {

// Banned names in code (comments and strings do not count), and headers without #pragma once.
std::vector<Finding> CheckBans(const SourceFile& file);

// In every file: paths of one person's machine, and notes of unfinished work that name
// no issue as in (#12).
std::vector<Finding> CheckText(const SourceFile& file);

}  // namespace modelref::tidy

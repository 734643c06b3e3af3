#pragma once

// RapidJSON refuses numbers beyond the range of double (1e400, integers of more than 308 digits)
// even when it is told to hand numbers over as text. They are hidden from it: replaced by a 0
// padded with spaces, so that no offset moves.

#include <cstddef>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace modelref {

// By the ordinal of the number among all numbers of the text, from 0.
using HugeNumbers = std::map<size_t, std::string>;

// Replaces in `text` every well-formed number that RapidJSON could refuse, and returns their
// lexemes. The text is otherwise unchanged; what is not JSON stays for the parser to report.
HugeNumbers HideHugeNumbers(std::string* text);

}  // namespace modelref

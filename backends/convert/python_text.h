#pragma once

// How Python trims and reads text, where the bytes of a conversion depend on it.

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "backends/base/json.h"

namespace modelref {

// str.strip(): without the white space of Unicode at both ends.
absl::string_view PythonStrip(absl::string_view text);

// float(text): white space around, underscores between digits, no hexadecimal. Nothing when it is
// not a number; infinities and NaN are returned as such.
std::optional<double> PythonFloat(absl::string_view text);

// Python reads no decimal integer of more digits, and no document that holds one.
inline constexpr size_t kMaxPythonIntDigits = 4300;
// The most characters of a cell that Python's csv module reads; a longer one ends the table.
inline constexpr size_t kMaxPythonCsvCell = 131072;

// True when Python reads the lexeme as an int, false when as a float.
bool IsPythonInt(absl::string_view lexeme);

// The value with every number as PythonNumber writes it: what Python makes of it by reading and
// writing.
Json PythonNormalized(const Json& value);

}  // namespace modelref

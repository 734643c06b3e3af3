#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace modelref::ctl {

struct CodePoint {
  char32_t value = 0;
  size_t size = 1;     // Bytes it takes; 1 for a byte that begins no well-formed sequence.
  bool valid = false;  // Well-formed UTF-8.
};

// The first code point of a text that is not empty.
CodePoint FirstCodePoint(absl::string_view text);

// How many columns of a terminal it takes: 0 (combining), 1 or 2 (wide East Asian, emoji).
size_t ColumnsOf(char32_t code_point);

}  // namespace modelref::ctl

#pragma once

#include "absl/strings/string_view.h"

namespace modelref {

// Whether two JSON numbers have the same value, exactly: 1, 1.0, 10e-1 and 1E0 do; 0.1 and
// 0.10000000000000001 do not, though a double cannot tell them apart. -0 is 0. Lexemes that are no
// decimals (NaN) are the same when they are equal.
bool SameDecimal(absl::string_view a, absl::string_view b);

}  // namespace modelref

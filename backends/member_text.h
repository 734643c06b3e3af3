#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace modelref {

// The member of a JSON object whose key begins with the quote at `begin`: up to the end of its
// value. `text` must be an object that a parser has accepted.
absl::string_view MemberTextAt(absl::string_view text, size_t begin);

}  // namespace modelref

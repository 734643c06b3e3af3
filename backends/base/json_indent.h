#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace modelref {

// Appends canonical JSON (json.h) as Python's json.dumps(indent=2, ensure_ascii=False) lays it out,
// as it stands `depth` levels deep; the first line is not indented. Builds no tree; strings and
// numbers stay byte for byte.
void AppendIndentedJson(absl::string_view canonical, size_t depth, std::string* out);

// How many bytes that appends.
size_t IndentedJsonSize(absl::string_view canonical, size_t depth);

}  // namespace modelref

#pragma once

// RapidJSON refuses the escape of a lone surrogate (\ud800 without its partner), which Python
// writes and reads. Such escapes are turned into raw three-byte WTF-8 before a parse that does not
// check encodings.
//
// Call only with text that passed IsValidUtf8: then every WTF-8 surrogate of the result comes from
// here.

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace modelref {

// True when the text holds an escape of a surrogate, paired or not. One scan for backslashes, no
// allocation.
bool MayHaveLoneSurrogate(absl::string_view text);

// The text with every lone surrogate escape (six bytes) replaced by its WTF-8 form (three bytes);
// pairs, escaped backslashes and everything else stay as they are.
std::string LoneSurrogatesToWtf8(absl::string_view text);

// The offset in the original text of an offset in LoneSurrogatesToWtf8's result, for error
// messages.
size_t OffsetBeforeWtf8(absl::string_view rewritten, size_t offset);

// The code unit (0xD800 to 0xDFFF) of a WTF-8 surrogate at `position`, or 0 when there is none.
unsigned Wtf8SurrogateAt(absl::string_view text, size_t position);

}  // namespace modelref

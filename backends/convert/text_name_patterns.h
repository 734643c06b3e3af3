#pragma once

// The patterns of H 3.9 by hand: RE2 has no lookbehind and std::regex recurses on its input. Each
// function cuts the first match of its first pattern that matches anywhere.

#include <cstddef>
#include <optional>
#include <string>

namespace modelref {

struct TakenPart {
  std::string text;
  size_t position = 0;  // Where it stood; what followed stands there now.
};

// A version before everything else (4.2.0-Name), cut with its separator.
std::optional<std::string> TakeLeadingVersion(std::string* text);
// 7B, 1.5B, 8x7B.
std::optional<TakenPart> TakeSize(std::string* text);
// v2, v0.1.
std::optional<TakenPart> TakeVersion(std::string* text);
// Q4_K_M, Q8_0, GGUF, fp16.
std::optional<TakenPart> TakeQuant(std::string* text);
// Instruct, Thinking, preview.
std::optional<TakenPart> TakeVariant(std::string* text);
// 08-2024, 2024-08, 2507.
std::optional<TakenPart> TakeDate(std::string* text);

}  // namespace modelref

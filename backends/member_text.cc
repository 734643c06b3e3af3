#include "backends/member_text.h"

#include <algorithm>

namespace modelref {
namespace {

constexpr absl::string_view kSpace = " \t\r\n";
constexpr absl::string_view kAfterScalar = ",} \t\r\n";

// The end of the string whose first byte, behind the quote, is at `at`.
size_t EndOfString(absl::string_view text, size_t at) {
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

size_t EndOfValue(absl::string_view text, size_t at) {
  size_t depth = 0;
  do {
    const char c = text[at];
    if (c == '"') {
      at = EndOfString(text, at + 1);
    } else if (c == '{' || c == '[') {
      ++depth;
      ++at;
    } else if (c == '}' || c == ']') {
      --depth;
      ++at;
    } else if (depth == 0) {
      return std::min(text.find_first_of(kAfterScalar, at), text.size());
    } else {
      ++at;
    }
  } while (depth > 0 && at < text.size());
  return at;
}

}  // namespace

absl::string_view MemberTextAt(absl::string_view text, size_t begin) {
  const size_t colon = text.find(':', EndOfString(text, begin + 1));
  if (colon == absl::string_view::npos) return text.substr(begin);
  const size_t value = text.find_first_not_of(kSpace, colon + 1);
  if (value == absl::string_view::npos) return text.substr(begin);
  return text.substr(begin, EndOfValue(text, value) - begin);
}

}  // namespace modelref

#include "backends/base/json_huge_numbers.h"

#include <algorithm>

namespace modelref {
namespace {

// Anything shorter cannot leave the range of double without an exponent.
constexpr size_t kMaxPlainDigits = 300;

bool IsDigit(absl::string_view text, size_t i) {
  return i < text.size() && text[i] >= '0' && text[i] <= '9';
}

size_t SkipDigits(absl::string_view text, size_t i) {
  while (IsDigit(text, i)) ++i;
  return i;
}

// The end of the JSON string that starts at `i`, or text.size() when it does not end.
size_t SkipString(absl::string_view text, size_t i) {
  for (++i; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\') ++i;
  }
  return std::min(i + 1, text.size());
}

struct NumberToken {
  size_t end = 0;  // The start of the number when it is not well-formed.
  bool may_be_huge = false;
};

NumberToken ScanNumber(absl::string_view text, const size_t start) {
  size_t i = start + (text[start] == '-' ? 1 : 0);
  if (!IsDigit(text, i)) return {start, false};
  i = text[i] == '0' ? i + 1 : SkipDigits(text, i);
  if (i < text.size() && text[i] == '.') {
    if (!IsDigit(text, i + 1)) return {start, false};
    i = SkipDigits(text, i + 1);
  }
  bool has_exponent = false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    has_exponent = true;
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!IsDigit(text, i)) return {start, false};
    i = SkipDigits(text, i);
  }
  return {i, has_exponent || i - start > kMaxPlainDigits};
}

}  // namespace

HugeNumbers HideHugeNumbers(std::string* text) {
  HugeNumbers hidden;
  size_t ordinal = 0;
  size_t i = 0;
  while (i < text->size()) {
    const char c = (*text)[i];
    if (c == '"') {
      i = SkipString(*text, i);
    } else if (c == '-' || IsDigit(*text, i)) {
      const NumberToken token = ScanNumber(*text, i);
      if (token.end == i) {
        ++i;  // -Infinity, or an error that the parser reports.
        continue;
      }
      if (token.may_be_huge) {
        hidden[ordinal] = text->substr(i, token.end - i);
        std::fill(text->begin() + static_cast<std::ptrdiff_t>(i),
                  text->begin() + static_cast<std::ptrdiff_t>(token.end), ' ');
        (*text)[i] = '0';
      }
      ++ordinal;
      i = token.end;
    } else if (c == 'N' || c == 'I') {
      // NaN and Infinity reach the handler as numbers too.
      ++ordinal;
      while (i < text->size() && (((*text)[i] | 0x20) >= 'a' && ((*text)[i] | 0x20) <= 'z')) ++i;
    } else {
      ++i;
    }
  }
  return hidden;
}

}  // namespace modelref

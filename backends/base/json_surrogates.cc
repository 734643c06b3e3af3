#include "backends/base/json_surrogates.h"

#include <cstring>

namespace modelref {
namespace {

constexpr size_t kEscapeSize = 6;  // \uXXXX
constexpr size_t kWtf8Size = 3;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The code unit of a \uXXXX escape at `position`, or -1 when none is there.
int EscapedUnit(absl::string_view text, size_t position) {
  if (position + kEscapeSize > text.size() || text[position] != '\\' || text[position + 1] != 'u') {
    return -1;
  }
  int unit = 0;
  for (size_t i = 2; i < kEscapeSize; ++i) {
    const int digit = HexValue(text[position + i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

bool IsHighSurrogate(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool IsLowSurrogate(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

void AppendWtf8(int unit, std::string* out) {
  out->push_back(static_cast<char>(0xE0 | (unit >> 12)));
  out->push_back(static_cast<char>(0x80 | ((unit >> 6) & 0x3F)));
  out->push_back(static_cast<char>(0x80 | (unit & 0x3F)));
}

// Offset of the next backslash at or after `from`, or text.size().
size_t FindBackslash(absl::string_view text, size_t from) {
  const void* found = std::memchr(text.data() + from, '\\', text.size() - from);
  return found == nullptr ? text.size()
                          : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

bool MayHaveLoneSurrogate(absl::string_view text) {
  for (size_t i = FindBackslash(text, 0); i + 3 < text.size(); i = FindBackslash(text, i)) {
    if (text[i + 1] == 'u' && (text[i + 2] == 'd' || text[i + 2] == 'D') &&
        HexValue(text[i + 3]) >= 8) {
      return true;
    }
    i += 2;  // An escaped backslash must not start the next escape.
  }
  return false;
}

std::string LoneSurrogatesToWtf8(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t copied = 0;
  size_t i = FindBackslash(text, 0);
  while (i < text.size()) {
    const int unit = EscapedUnit(text, i);
    size_t next = std::min(i + (unit < 0 ? 2 : kEscapeSize), text.size());
    if (IsHighSurrogate(unit) && IsLowSurrogate(EscapedUnit(text, next))) {
      next += kEscapeSize;
    } else if (IsHighSurrogate(unit) || IsLowSurrogate(unit)) {
      out.append(text.data() + copied, i - copied);
      AppendWtf8(unit, &out);
      copied = next;
    }
    i = FindBackslash(text, next);
  }
  out.append(text.data() + copied, text.size() - copied);
  return out;
}

size_t OffsetBeforeWtf8(absl::string_view rewritten, size_t offset) {
  size_t surrogates = 0;
  for (size_t i = 0; i < offset && i < rewritten.size(); ++i) {
    if (Wtf8SurrogateAt(rewritten, i) != 0) ++surrogates;
  }
  return offset + surrogates * (kEscapeSize - kWtf8Size);
}

unsigned Wtf8SurrogateAt(absl::string_view text, size_t position) {
  if (position + kWtf8Size > text.size()) return 0;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[position + i]); };
  if (byte(0) != 0xED || (byte(1) & 0xE0) != 0xA0 || (byte(2) & 0xC0) != 0x80) return 0;
  return 0xD000u | ((byte(1) & 0x3Fu) << 6) | (byte(2) & 0x3Fu);
}

}  // namespace modelref

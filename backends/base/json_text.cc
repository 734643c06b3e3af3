#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"

namespace modelref {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080u;

bool IsContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The allowed range of the second byte after `lead` (Unicode 15, table 3-7).
struct SecondByte {
  unsigned char low, high;
};
SecondByte SecondByteAfter(unsigned char lead) {
  switch (lead) {
    case 0xE0:
      return {0xA0, 0xBF};
    case 0xED:
      return {0x80, 0x9F};
    case 0xF0:
      return {0x90, 0xBF};
    case 0xF4:
      return {0x80, 0x8F};
    default:
      return {0x80, 0xBF};
  }
}

// Length of the well-formed sequence at `p`, which is not ASCII, or 0.
size_t SequenceLength(const unsigned char* p, size_t available) {
  const unsigned char lead = p[0];
  size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF)
    length = 2;
  else if (lead >= 0xE0 && lead <= 0xEF)
    length = 3;
  else if (lead >= 0xF0 && lead <= 0xF4)
    length = 4;
  if (length == 0 || length > available) return 0;
  const SecondByte second = SecondByteAfter(lead);
  if (p[1] < second.low || p[1] > second.high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsContinuation(p[i])) return 0;
  }
  return length;
}

}  // namespace

size_t FindInvalidUtf8(absl::string_view text) {
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  const size_t size = text.size();
  size_t i = 0;
  while (i < size) {
    uint64_t word = 0;
    if (i + sizeof(word) <= size) {
      std::memcpy(&word, data + i, sizeof(word));
      if ((word & kHighBits) == 0) {
        i += sizeof(word);
        continue;
      }
    }
    if (data[i] < 0x80) {
      ++i;
      continue;
    }
    const size_t length = SequenceLength(data + i, size - i);
    if (length == 0) return i;
    i += length;
  }
  return size;
}

bool IsValidUtf8(absl::string_view text) { return FindInvalidUtf8(text) == text.size(); }

std::string DescribeOffset(absl::string_view text, size_t offset) {
  const absl::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t line_start = before.rfind('\n');
  const size_t column =
      line_start == absl::string_view::npos ? before.size() + 1 : before.size() - line_start;
  return absl::StrCat("line ", line, ", column ", column);
}

}  // namespace modelref

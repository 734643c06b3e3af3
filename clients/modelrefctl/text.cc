#include "clients/modelrefctl/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/modelrefctl/code_points.h"

namespace modelref::ctl {
namespace {

bool IsUnsafe(const CodePoint& point) {
  if (!point.valid) return true;
  const char32_t c = point.value;
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return true;
  // Line and paragraph separators, direction marks, overrides and isolates, the byte order mark.
  return c == 0x2028 || c == 0x2029 || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

void AppendEscape(const CodePoint& point, absl::string_view bytes, std::string* out) {
  if (point.valid && point.value >= 0x80) {
    absl::StrAppendFormat(out, "\\u{%x}", static_cast<unsigned>(point.value));
    return;
  }
  for (const char c : bytes) {
    absl::StrAppendFormat(out, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
}

}  // namespace

std::string TerminalSafe(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = FirstCodePoint(text);
    const absl::string_view bytes = text.substr(0, point.size);
    if (IsUnsafe(point)) {
      AppendEscape(point, bytes, &out);
    } else {
      out.append(bytes.data(), bytes.size());
    }
    text.remove_prefix(point.size);
  }
  return out;
}

std::string TabField(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '\\':
        escaped.append("\\\\");
        break;
      case '\t':
        escaped.append("\\t");
        break;
      case '\n':
        escaped.append("\\n");
        break;
      case '\r':
        escaped.append("\\r");
        break;
      default:
        escaped.push_back(c);
    }
  }
  return TerminalSafe(escaped);
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const CodePoint point = FirstCodePoint(text);
    width += ColumnsOf(point.value);
    text.remove_prefix(point.size);
  }
  return width;
}

std::string FitWidth(absl::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  size_t columns = 0;
  size_t end = 0;
  while (end < text.size()) {
    const CodePoint point = FirstCodePoint(text.substr(end));
    if (columns + ColumnsOf(point.value) > width - 1) break;
    columns += ColumnsOf(point.value);
    end += point.size;
  }
  return absl::StrCat(text.substr(0, end), "…");
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string HumanAge(absl::Duration age) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(age));
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 2 * 3600) return absl::StrCat(seconds / 60, "m");
  if (seconds < 2 * 86400) return absl::StrCat(seconds / 3600, "h");
  return absl::StrCat(seconds / 86400, "d");
}

std::string FormatUtc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

std::string FormatSeconds(absl::Duration duration) {
  const bool negative = duration < absl::ZeroDuration();
  const absl::Duration positive = negative ? -duration : duration;
  const int64_t seconds = absl::ToInt64Seconds(positive);
  const int64_t nanos = absl::ToInt64Nanoseconds(positive - absl::Seconds(seconds));
  std::string text = absl::StrCat(negative ? "-" : "", seconds);
  if (nanos != 0) {
    std::string fraction = absl::StrFormat("%09d", nanos);
    while (fraction.back() == '0') fraction.pop_back();
    absl::StrAppend(&text, ".", fraction);
  }
  return absl::StrCat(text, "s");
}

std::optional<absl::Duration> ParseUserDuration(absl::string_view text) {
  absl::Duration duration;
  double seconds = 0;
  const bool bare = !text.empty() && absl::SimpleAtod(text, &seconds) && std::isfinite(seconds);
  if (bare) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &duration)) {
    return std::nullopt;
  }
  if (duration < absl::ZeroDuration()) return std::nullopt;
  return duration;
}

}  // namespace modelref::ctl

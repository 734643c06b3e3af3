#include "backends/convert/python_text.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace modelref {
namespace {

// Beyond ASCII, in UTF-8: U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F,
// U+3000.
constexpr absl::string_view kWideSpaces[] = {
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80",
};

bool IsAsciiSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F);
}

// Length of the white space character that `text` begins (or ends) with, or 0.
size_t SpaceLength(absl::string_view text, bool at_end) {
  if (text.empty()) return 0;
  if (IsAsciiSpace(at_end ? text.back() : text.front())) return 1;
  for (const absl::string_view space : kWideSpaces) {
    if (at_end ? absl::EndsWith(text, space) : absl::StartsWith(text, space)) return space.size();
  }
  return 0;
}

// Nothing when an underscore stands elsewhere than between two digits.
std::optional<std::string> WithoutUnderscores(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() && absl::ascii_isdigit(text[i - 1]) &&
                         absl::ascii_isdigit(text[i + 1]);
    if (!between) return std::nullopt;
  }
  return out;
}

}  // namespace

absl::string_view PythonStrip(absl::string_view text) {
  while (const size_t length = SpaceLength(text, /*at_end=*/false)) text.remove_prefix(length);
  while (const size_t length = SpaceLength(text, /*at_end=*/true)) text.remove_suffix(length);
  return text;
}

std::optional<double> PythonFloat(absl::string_view text) {
  const std::optional<std::string> digits = WithoutUnderscores(PythonStrip(text));
  double value = 0;
  // SimpleAtod takes hexadecimal and "nan(...)", which Python does not.
  if (!digits.has_value() || digits->find_first_of("xX(") != std::string::npos ||
      !absl::SimpleAtod(*digits, &value)) {
    return std::nullopt;
  }
  return value;
}

bool IsPythonInt(absl::string_view lexeme) {
  return lexeme.find_first_not_of("-0123456789") == absl::string_view::npos;
}

Json PythonNormalized(const Json& value) {
  if (const JsonNumber* number = value.AsNumber(); number != nullptr) {
    return Json(JsonNumber{PythonNumber(number->lexeme)});
  }
  if (const JsonArray* array = value.AsArray(); array != nullptr) {
    JsonArray out;
    out.reserve(array->size());
    for (const Json& item : *array) out.push_back(PythonNormalized(item));
    return Json(std::move(out));
  }
  if (const JsonObject* object = value.AsObject(); object != nullptr) {
    JsonObject out;
    for (const auto& [name, member] : object->members()) {
      out.members().emplace_back(name, PythonNormalized(member));
    }
    return Json(std::move(out));
  }
  return value;
}

}  // namespace modelref

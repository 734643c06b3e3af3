// Numbers as Python's json module prints them after reading them.

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"

namespace modelref {
namespace {

// Python's float.__repr__ switches to an exponent outside of 1e-4 <= |x| < 1e16.
constexpr int kMinPlainExponent = -4;
constexpr int kMaxPlainExponent = 16;

struct Decimal {
  std::string digits;  // No leading zeros, no trailing zeros but in "0".
  int exponent = 0;    // Of the first digit: 1.5 is {"15", 0}.
};

// The shortest decimal that reads back as `value`, which is finite and not negative.
Decimal ShortestDecimal(double value) {
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  const absl::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  Decimal decimal;
  for (const char c : text.substr(0, e)) {
    if (c != '.') decimal.digits.push_back(c);
  }
  const absl::string_view exponent = text.substr(e + 1);
  (void)std::from_chars(exponent.data() + (exponent[0] == '+' ? 1 : 0),
                        exponent.data() + exponent.size(), decimal.exponent);
  return decimal;
}

std::string PlainForm(const Decimal& decimal) {
  if (decimal.exponent < 0) {
    return absl::StrCat("0.", std::string(static_cast<size_t>(-decimal.exponent - 1), '0'),
                        decimal.digits);
  }
  const size_t whole = static_cast<size_t>(decimal.exponent) + 1;
  if (decimal.digits.size() <= whole) {
    return absl::StrCat(decimal.digits, std::string(whole - decimal.digits.size(), '0'), ".0");
  }
  return absl::StrCat(decimal.digits.substr(0, whole), ".", decimal.digits.substr(whole));
}

std::string ExponentForm(const Decimal& decimal) {
  std::string out(1, decimal.digits[0]);
  if (decimal.digits.size() > 1) absl::StrAppend(&out, ".", decimal.digits.substr(1));
  const int magnitude = std::abs(decimal.exponent);
  absl::StrAppend(&out, "e", decimal.exponent < 0 ? "-" : "+", magnitude < 10 ? "0" : "",
                  magnitude);
  return out;
}

std::string PythonFloat(double value) {
  if (std::isnan(value)) return "NaN";
  const absl::string_view sign = std::signbit(value) ? "-" : "";
  if (std::isinf(value)) return absl::StrCat(sign, "Infinity");
  const Decimal decimal = ShortestDecimal(std::fabs(value));
  const bool plain = decimal.exponent >= kMinPlainExponent && decimal.exponent < kMaxPlainExponent;
  return absl::StrCat(sign, plain ? PlainForm(decimal) : ExponentForm(decimal));
}

}  // namespace

bool IsFiniteLexeme(absl::string_view lexeme) {
  const size_t first = !lexeme.empty() && lexeme.front() == '-' ? 1 : 0;
  return first < lexeme.size() && lexeme[first] >= '0' && lexeme[first] <= '9';
}

std::string PythonNumber(absl::string_view lexeme) {
  if (lexeme.find_first_not_of("-0123456789") == absl::string_view::npos) {
    return lexeme == "-0" ? "0" : std::string(lexeme);
  }
  double value = 0;
  if (!absl::SimpleAtod(lexeme, &value)) return std::string(lexeme);
  return PythonFloat(value);
}

}  // namespace modelref

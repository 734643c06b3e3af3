#include "backends/convert/decimal.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace modelref {
namespace {

// digits * 10^exponent, without zeros at either end; zero has no digits.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t exponent = 0;
  bool operator==(const Decimal&) const = default;
};

// Nothing for what is no number, and for exponents beyond 32 bits.
std::optional<Decimal> ParseDecimal(absl::string_view lexeme) {
  Decimal out;
  out.negative = absl::ConsumePrefix(&lexeme, "-");
  const size_t e = lexeme.find_first_of("eE");
  int32_t exponent = 0;
  if (e != absl::string_view::npos) {
    absl::string_view text = lexeme.substr(e + 1);
    absl::ConsumePrefix(&text, "+");
    if (!absl::SimpleAtoi(text, &exponent)) return std::nullopt;
    lexeme = lexeme.substr(0, e);
  }
  out.exponent = exponent;
  bool in_fraction = false;
  for (const char c : lexeme) {
    if (c == '.') {
      in_fraction = true;
      continue;
    }
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
    out.digits.push_back(c);
    if (in_fraction) --out.exponent;
  }
  out.digits.erase(0, out.digits.find_first_not_of('0'));
  if (out.digits.empty()) return Decimal();
  const size_t last = out.digits.find_last_not_of('0');
  out.exponent += static_cast<int64_t>(out.digits.size() - last - 1);
  out.digits.resize(last + 1);
  return out;
}

}  // namespace

bool SameDecimal(absl::string_view a, absl::string_view b) {
  if (a == b) return true;
  const std::optional<Decimal> left = ParseDecimal(a);
  return left.has_value() && left == ParseDecimal(b);
}

}  // namespace modelref

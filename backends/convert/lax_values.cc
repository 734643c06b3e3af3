// The conversions of pydantic's lax mode, for values that come from JSON.

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "backends/convert/legacy_fields.h"
#include "backends/convert/python_text.h"

namespace modelref {
namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr absl::string_view kTrueWords[] = {"1", "on", "t", "true", "y", "yes"};
constexpr absl::string_view kFalseWords[] = {"0", "off", "f", "false", "n", "no"};

std::optional<bool> BoolOfWord(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (std::find(std::begin(kTrueWords), std::end(kTrueWords), lower) != std::end(kTrueWords)) {
    return true;
  }
  if (std::find(std::begin(kFalseWords), std::end(kFalseWords), lower) != std::end(kFalseWords)) {
    return false;
  }
  return std::nullopt;
}

// An exact integer below 2^63; NaN, infinities and fractions do not fit.
std::optional<std::string> IntOfDouble(double value) {
  if (!(std::fabs(value) < kTwoTo63) || value != std::trunc(value)) return std::nullopt;
  return absl::StrCat(static_cast<int64_t>(value));
}

// [+-]digits with underscores between digits, optionally followed by ".000".
std::optional<std::string> IntOfText(absl::string_view text) {
  text = PythonStrip(text);
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative) absl::ConsumePrefix(&text, "+");
  const size_t dot = text.find('.');
  if (dot != absl::string_view::npos) {
    const absl::string_view fraction = text.substr(dot + 1);
    if (fraction.empty() || fraction.find_first_not_of('0') != absl::string_view::npos) {
      return std::nullopt;
    }
    text = text.substr(0, dot);
  }
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool separator = text[i] == '_' && i > 0 && text[i - 1] != '_' && i + 1 < text.size();
    if (separator) continue;
    if (!absl::ascii_isdigit(text[i])) return std::nullopt;
    digits.push_back(text[i]);
  }
  if (digits.empty() || digits.size() > kMaxPythonIntDigits) return std::nullopt;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  return absl::StrCat(negative && digits != "0" ? "-" : "", digits);
}

bool IsInt(const Json& value) {
  return value.AsNumber() != nullptr && IsPythonInt(value.AsNumber()->lexeme);
}

std::optional<double> LaxFloat(const Json& value) {
  if (const bool* boolean = value.AsBool(); boolean != nullptr) return *boolean ? 1.0 : 0.0;
  if (const JsonNumber* number = value.AsNumber(); number != nullptr) {
    return PythonFloat(number->lexeme);
  }
  if (const std::string* string = value.AsString(); string != nullptr) return PythonFloat(*string);
  return std::nullopt;
}

// The shortest decimal of a finite double, as Python writes a float.
std::optional<Json> FloatJson(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  // Seventeen digits are enough to read the same double back.
  return Json(JsonNumber{PythonNumber(absl::StrFormat("%.17e", value))});
}

std::optional<Json> FiniteNumber(const JsonNumber& number) {
  std::string python = PythonNumber(number.lexeme);
  if (!absl::ascii_isdigit(python.back())) return std::nullopt;
  return Json(JsonNumber{std::move(python)});
}

std::optional<JsonArray> Ints(const JsonArray& array) {
  JsonArray out;
  for (const Json& item : array) {
    std::optional<std::string> integer = LaxInt(item);
    if (!integer.has_value()) return std::nullopt;
    out.push_back(Json(JsonNumber{*std::move(integer)}));
  }
  return out;
}

std::optional<JsonArray> Floats(const JsonArray& array) {
  JsonArray out;
  for (const Json& item : array) {
    const std::optional<double> value = LaxFloat(item);
    std::optional<Json> number = value.has_value() ? FloatJson(*value) : std::nullopt;
    if (!number.has_value()) return std::nullopt;
    out.push_back(*std::move(number));
  }
  return out;
}

// A list takes the first type that all its items have, else the first that all convert to.
std::optional<Json> ScalarList(const JsonArray& array) {
  const auto all = [&array](auto&& predicate) {
    return std::all_of(array.begin(), array.end(), predicate);
  };
  std::optional<JsonArray> out;
  if (all(IsInt)) {
    out = Ints(array);
  } else if (all([](const Json& item) { return item.AsNumber() != nullptr; })) {
    out = Floats(array);
  } else if (all([](const Json& item) { return item.AsString() != nullptr; })) {
    out = array;
  } else {
    out = Ints(array);
    if (!out.has_value()) out = Floats(array);
  }
  if (!out.has_value()) return std::nullopt;
  return Json(*std::move(out));
}

}  // namespace

std::optional<bool> LaxBool(const Json& value) {
  if (const bool* boolean = value.AsBool(); boolean != nullptr) return *boolean;
  if (const std::string* string = value.AsString(); string != nullptr) return BoolOfWord(*string);
  const std::optional<std::string> integer =
      value.AsNumber() == nullptr ? std::nullopt : LaxInt(value);
  if (integer == "0") return false;
  if (integer == "1") return true;
  return std::nullopt;
}

std::optional<std::string> LaxInt(const Json& value) {
  if (const bool* boolean = value.AsBool(); boolean != nullptr) return *boolean ? "1" : "0";
  if (const std::string* string = value.AsString(); string != nullptr) return IntOfText(*string);
  const JsonNumber* number = value.AsNumber();
  if (number == nullptr) return std::nullopt;
  if (IsPythonInt(number->lexeme)) return PythonNumber(number->lexeme);
  double real = 0;
  if (!absl::SimpleAtod(number->lexeme, &real)) return std::nullopt;
  return IntOfDouble(real);
}

std::optional<Json> ScalarOrList(const Json& value) {
  if (const JsonNumber* number = value.AsNumber(); number != nullptr) return FiniteNumber(*number);
  if (const JsonArray* array = value.AsArray(); array != nullptr) return ScalarList(*array);
  if (value.AsString() != nullptr || value.AsBool() != nullptr) return value;
  return std::nullopt;
}

}  // namespace modelref

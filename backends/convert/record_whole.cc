// What holds for records as a whole, and how their parts are shown.

#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/convert/python_text.h"
#include "backends/convert/record_fields.h"
#include "backends/convert/text_names.h"

namespace modelref {
namespace {

constexpr size_t kMaxPresentedBytes = 200;
constexpr size_t kMaxKeyBytes = 64;

// As readers that know doubles only would get it; integers have no bounds in Python.
bool IsFinite(const JsonNumber& number) {
  if (!IsFiniteLexeme(number.lexeme)) return false;
  if (IsPythonInt(number.lexeme)) return true;
  double value = 0;
  return absl::SimpleAtod(number.lexeme, &value) && std::isfinite(value);
}

// One such number makes the whole file unreadable there.
bool IsTooLongInPython(absl::string_view lexeme) {
  return IsPythonInt(lexeme) && lexeme.size() > kMaxPythonIntDigits + (lexeme[0] == '-' ? 1 : 0);
}

// Why the value cannot be stored; empty when it can.
std::string WhyNotStorable(const Json& value, size_t levels) {
  const JsonNumber* number = value.AsNumber();
  if (number != nullptr && !IsFinite(*number)) return "holds a number that is not finite";
  if (number != nullptr && IsTooLongInPython(number->lexeme)) {
    return absl::StrCat("holds an integer of more than ", kMaxPythonIntDigits, " digits");
  }
  const JsonArray* array = value.AsArray();
  const JsonObject* object = value.AsObject();
  if (array == nullptr && object == nullptr) return "";
  if (levels == 0) return "is nested too deeply";
  std::string reason;
  if (array != nullptr) {
    for (size_t i = 0; i < array->size() && reason.empty(); ++i) {
      reason = WhyNotStorable((*array)[i], levels - 1);
    }
    return reason;
  }
  for (size_t i = 0; i < object->size() && reason.empty(); ++i) {
    reason = WhyNotStorable(object->members()[i].second, levels - 1);
  }
  return reason;
}

// The first bytes, as long as they are whole characters.
absl::string_view Cut(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && (text[max_bytes] & 0xC0) == 0x80) --max_bytes;
  return text.substr(0, max_bytes);
}

}  // namespace

std::string Quoted(absl::string_view text) {
  const absl::string_view shown = Cut(text, kMaxPresentedBytes);
  std::string out;
  AppendCanonicalString(shown, &out);
  if (!IsValidUtf8(out)) out = absl::StrCat("\"", absl::CHexEscape(shown), "\"");
  if (shown.size() < text.size()) out.insert(out.size() - 1, "…");
  return out;
}

std::string Presentable(absl::string_view text) {
  if (text.size() <= kMaxPresentedBytes && IsValidUtf8(text)) return std::string(text);
  const std::string quoted = Quoted(text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string PresentableKey(absl::string_view name) {
  if (name.size() <= kMaxKeyBytes) return Presentable(name);
  return absl::StrCat(Presentable(Cut(name, kMaxKeyBytes)), "…");
}

void CheckWholeRecord(const Category& category, absl::string_view name, const JsonObject& record,
                      size_t max_depth, RecordCheck* check) {
  if (const absl::Status status = ValidateModelName(name); !status.ok()) {
    AddViolation({"name", std::string(status.message()), "BAD_MODEL_NAME"}, check);
  }
  const Json* own_name = record.Find("name");
  if (own_name != nullptr && own_name->AsString() != nullptr && *own_name->AsString() != name) {
    AddViolation({"name", absl::StrCat(Quoted(*own_name->AsString()),
                                       " is not the name of the model, ", Quoted(name))},
                 check);
  }
  if (category.name == "text_generation") {
    if (HasTextBackendPrefix(name)) {
      AddViolation({"name", "begins with the name of a backend: write the base name",
                    "BACKEND_PREFIXED_NAME"},
                   check);
    }
    if (absl::StrContains(name, "://")) {
      AddViolation({"name", "an address is not the name of a text model", "BAD_MODEL_NAME"}, check);
    }
  }
  for (const auto& [member, value] : record.members()) {
    const std::string reason = WhyNotStorable(value, max_depth - 1);
    if (!reason.empty()) AddViolation({PresentableKey(member), reason}, check);
  }
}

}  // namespace modelref

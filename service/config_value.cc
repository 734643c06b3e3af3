#include "service/config_value.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/config_durations.h"

namespace modelref {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Violation = std::optional<std::string>;

bool IsSizeField(const FieldDescriptor& field) { return absl::EndsWith(field.name(), "_bytes"); }

Violation SetInteger(Message* message, const FieldDescriptor& field, const Json& value) {
  std::optional<uint64_t> number;
  if (const JsonNumber* json = value.AsNumber()) {
    uint64_t parsed = 0;
    if (absl::SimpleAtoi(json->lexeme, &parsed)) number = parsed;
  } else if (value.AsString() != nullptr && IsSizeField(field)) {
    number = ParseByteSize(*value.AsString());
  }
  if (!number) {
    return IsSizeField(field) ? "must be a number of bytes such as 65536 or \"64KiB\""
                              : "must be a whole number, 0 or more";
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
    message->GetReflection()->SetUInt64(message, &field, *number);
    return std::nullopt;
  }
  if (*number > std::numeric_limits<uint32_t>::max()) return "must be at most 4294967295";
  message->GetReflection()->SetUInt32(message, &field, static_cast<uint32_t>(*number));
  return std::nullopt;
}

Violation SetDuration(Message* message, const FieldDescriptor& field, const Json& value) {
  std::optional<absl::Duration> duration;
  if (value.AsString() != nullptr) duration = ParseConfigDuration(*value.AsString());
  if (!duration) return "must be a duration such as \"20s\", \"500ms\" or \"1h30m\"";
  *static_cast<google::protobuf::Duration*>(
      message->GetReflection()->MutableMessage(message, &field)) = ToProtoDuration(*duration);
  return std::nullopt;
}

Violation SetEnum(Message* message, const FieldDescriptor& field, const Json& value) {
  const EnumDescriptor& type = *field.enum_type();
  const EnumValueDescriptor* found =
      value.AsString() == nullptr ? nullptr : FindEnumValue(type, *value.AsString());
  if (found == nullptr) {
    std::vector<std::string> names;
    for (int i = 1; i < type.value_count(); ++i) names.push_back(EnumShortName(*type.value(i)));
    return absl::StrCat("must be one of ", absl::StrJoin(names, ", "));
  }
  message->GetReflection()->SetEnum(message, &field, found);
  return std::nullopt;
}

Violation SetStrings(Message* message, const FieldDescriptor& field, const Json& value) {
  const JsonArray* array = value.AsArray();
  if (array == nullptr) return "must be an array of strings";
  for (const Json& item : *array) {
    if (item.AsString() == nullptr) return "must be an array of strings";
  }
  message->GetReflection()->ClearField(message, &field);
  for (const Json& item : *array) {
    message->GetReflection()->AddString(message, &field, *item.AsString());
  }
  return std::nullopt;
}

// Controls and broken UTF-8 come from mistakes, and would go on into paths, logs and messages.
bool IsPlainText(absl::string_view text) {
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) return false;
  }
  return IsValidUtf8(text);
}

bool HoldsPlainText(const Json& value) {
  if (const std::string* text = value.AsString()) return IsPlainText(*text);
  if (const JsonArray* array = value.AsArray()) {
    for (const Json& item : *array) {
      if (item.AsString() != nullptr && !IsPlainText(*item.AsString())) return false;
    }
  }
  return true;
}

std::string Quoted(absl::string_view text) { return CanonicalJson(Json(RedactUrl(text))); }

std::string FormatDurationField(const Message& message, const FieldDescriptor& field) {
  if (!message.GetReflection()->HasField(message, &field)) return "null";
  return Quoted(
      FormatConfigDuration(FromProtoDuration(static_cast<const google::protobuf::Duration&>(
          message.GetReflection()->GetMessage(message, &field)))));
}

Json ListToJson(absl::string_view text) {
  // "[::1]:50051" begins like a JSON array and is none.
  if (absl::StartsWith(text, "[")) {
    if (absl::StatusOr<Json> parsed = ParseJson(text); parsed.ok()) return *std::move(parsed);
  }
  JsonArray array;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    array.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return array;
}

}  // namespace

std::optional<absl::Duration> ParseConfigDuration(absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(std::string(text), &duration)) return std::nullopt;
  if (duration < absl::ZeroDuration() || duration > absl::Hours(24 * 366 * 1000)) {
    return std::nullopt;
  }
  return duration;
}

std::string FormatConfigDuration(absl::Duration duration) { return absl::FormatDuration(duration); }

std::optional<uint64_t> ParseByteSize(absl::string_view text) {
  uint64_t unit = 1;
  if (absl::ConsumeSuffix(&text, "KiB")) {
    unit = uint64_t{1} << 10;
  } else if (absl::ConsumeSuffix(&text, "MiB")) {
    unit = uint64_t{1} << 20;
  } else if (absl::ConsumeSuffix(&text, "GiB")) {
    unit = uint64_t{1} << 30;
  }
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  if (number > std::numeric_limits<uint64_t>::max() / unit) return std::nullopt;
  return number * unit;
}

std::optional<bool> ParseBool(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const char* word : {"true", "1", "yes", "on", "t", "y"}) {
    if (lower == word) return true;
  }
  for (const char* word : {"false", "0", "no", "off", "f", "n"}) {
    if (lower == word) return false;
  }
  return std::nullopt;
}

std::string EnumShortName(const EnumValueDescriptor& value) {
  // Values begin with the name of their type in UPPER_SNAKE_CASE, as the contract's lint demands;
  // the zero value is always <PREFIX>_UNSPECIFIED.
  const absl::string_view zero = value.type()->value(0)->name();
  const absl::string_view prefix = absl::StripSuffix(zero, "UNSPECIFIED");
  return absl::AsciiStrToLower(absl::StripPrefix(value.name(), prefix));
}

const EnumValueDescriptor* FindEnumValue(const EnumDescriptor& type, absl::string_view name) {
  for (int i = 1; i < type.value_count(); ++i) {
    const EnumValueDescriptor* value = type.value(i);
    if (absl::EqualsIgnoreCase(name, EnumShortName(*value)) ||
        absl::EqualsIgnoreCase(name, value->name())) {
      return value;
    }
  }
  return nullptr;
}

bool IsDurationField(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type() == google::protobuf::Duration::descriptor();
}

Json TextToJson(const FieldDescriptor& field, absl::string_view text) {
  if (field.is_repeated()) return ListToJson(text);
  if (IsDurationField(field) && (text == "none" || text == "null")) return Json(nullptr);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (const std::optional<bool> value = ParseBool(text)) return Json(*value);
      return Json(text);
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      if (const std::optional<uint64_t> value = ParseByteSize(text);
          value && (IsSizeField(field) || absl::ascii_isdigit(text.back()))) {
        return Json(JsonNumber{absl::StrCat(*value)});
      }
      return Json(text);
    default:
      return Json(text);
  }
}

std::optional<std::string> SetValue(Message* message, const FieldDescriptor& field,
                                    const Json& value, bool nullable) {
  if (value.is_null()) {
    if (!nullable) return "must not be null";
    message->GetReflection()->ClearField(message, &field);
    return std::nullopt;
  }
  if (!HoldsPlainText(value)) return "must be UTF-8 without control characters";
  if (field.is_repeated()) return SetStrings(message, field, value);
  if (IsDurationField(field)) return SetDuration(message, field, value);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (value.AsBool() == nullptr) return "must be true or false";
      message->GetReflection()->SetBool(message, &field, *value.AsBool());
      return std::nullopt;
    case FieldDescriptor::CPPTYPE_STRING:
      if (value.AsString() == nullptr) return "must be a string";
      message->GetReflection()->SetString(message, &field, *value.AsString());
      return std::nullopt;
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(message, field, value);
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetInteger(message, field, value);
    default:
      return "cannot be set";
  }
}

std::string FormatValue(const Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    std::vector<std::string> items;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      items.push_back(Quoted(reflection.GetRepeatedString(message, &field, i)));
    }
    return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
  }
  if (IsDurationField(field)) return FormatDurationField(message, field);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value = reflection.GetEnum(message, &field);
      return value->number() == 0 ? "null" : Quoted(EnumShortName(*value));
    }
    default:
      return Quoted(reflection.GetString(message, &field));
  }
}

std::string RedactUrl(absl::string_view text) {
  const size_t scheme = text.find("://");
  if (scheme == absl::string_view::npos) return std::string(text);
  const size_t begin = scheme + 3;
  // The last "@": passwords that were not percent-encoded may hold "/", "?" and "@" too.
  const size_t at = text.rfind('@');
  const bool has_user = at != absl::string_view::npos && at >= begin;
  absl::string_view rest = has_user ? text.substr(at) : text.substr(begin);
  const size_t query = rest.find('?');
  const absl::string_view hidden_query = query == absl::string_view::npos ? "" : "?***";
  rest = rest.substr(0, query);
  return absl::StrCat(text.substr(0, begin), has_user ? "***" : "", rest, hidden_query);
}

}  // namespace modelref

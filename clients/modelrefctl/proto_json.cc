#include "clients/modelrefctl/proto_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "backends/base/digest.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

template <typename Number>
Json NumberJson(Number value) {
  return JsonNumber{absl::StrCat(value)};
}

Json DoubleJson(double value) {
  if (!std::isfinite(value)) return nullptr;
  std::array<char, 32> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return JsonNumber{std::string(buffer.data(), result.ptr)};
}

Json BytesJson(const FieldDescriptor& field, const std::string& bytes) {
  const bool is_json =
      field.name() == "json" || field.name() == "old_value" || field.name() == "new_value";
  if (!is_json) return ToHex(bytes);
  if (bytes.empty()) return nullptr;
  absl::StatusOr<Json> value = ParseJson(bytes);
  return value.ok() ? *std::move(value) : Json(bytes);
}

Json MessageJson(const Message& message) {
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    const auto& stamp = static_cast<const google::protobuf::Timestamp&>(message);
    return FormatUtc(absl::FromUnixSeconds(stamp.seconds()) + absl::Nanoseconds(stamp.nanos()));
  }
  if (message.GetDescriptor() == google::protobuf::Duration::descriptor()) {
    const auto& span = static_cast<const google::protobuf::Duration&>(message);
    return FormatSeconds(absl::Seconds(span.seconds()) + absl::Nanoseconds(span.nanos()));
  }
  return ProtoToObject(message);
}

// One value of a field: the only one, or the one at `index` when the field is repeated.
class FieldReader {
 public:
  FieldReader(const Message& message, const FieldDescriptor& field)
      : message_(message), field_(field), reflection_(*message.GetReflection()) {}

  Json Read(int index) const {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return NumberJson(Get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32, index));
      case FieldDescriptor::CPPTYPE_INT64:
        return NumberJson(Get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64, index));
      case FieldDescriptor::CPPTYPE_UINT32:
        return NumberJson(Get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32, index));
      case FieldDescriptor::CPPTYPE_UINT64:
        return NumberJson(Get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64, index));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return DoubleJson(Get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble, index));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return DoubleJson(Get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat, index));
      case FieldDescriptor::CPPTYPE_BOOL:
        return Get(&Reflection::GetBool, &Reflection::GetRepeatedBool, index);
      case FieldDescriptor::CPPTYPE_ENUM:
        return EnumJson(Get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue, index));
      case FieldDescriptor::CPPTYPE_STRING:
        return TextJson(Get(&Reflection::GetString, &Reflection::GetRepeatedString, index));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return MessageJson(field_.is_repeated()
                               ? reflection_.GetRepeatedMessage(message_, &field_, index)
                               : reflection_.GetMessage(message_, &field_));
    }
    return nullptr;
  }

 private:
  template <typename Value>
  Value Get(Value (Reflection::*single)(const Message&, const FieldDescriptor*) const,
            Value (Reflection::*repeated)(const Message&, const FieldDescriptor*, int) const,
            int index) const {
    return field_.is_repeated() ? (reflection_.*repeated)(message_, &field_, index)
                                : (reflection_.*single)(message_, &field_);
  }

  Json EnumJson(int number) const {
    const auto* value = field_.enum_type()->FindValueByNumber(number);
    return value != nullptr ? Json(value->name()) : NumberJson(number);
  }

  Json TextJson(const std::string& text) const {
    return field_.type() == FieldDescriptor::TYPE_BYTES ? BytesJson(field_, text) : Json(text);
  }

  const Message& message_;
  const FieldDescriptor& field_;
  const Reflection& reflection_;
};

Json RepeatedJson(const Message& message, const FieldDescriptor& field) {
  const FieldReader reader(message, field);
  JsonArray values;
  const int count = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < count; ++i) values.push_back(reader.Read(i));
  return values;
}

}  // namespace

JsonObject ProtoToObject(const Message& message) {
  JsonObject object;
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor& field = *descriptor->field(i);
    if (field.is_repeated()) {
      object.Set(field.name(), RepeatedJson(message, field));
    } else if (!field.has_presence() || message.GetReflection()->HasField(message, &field)) {
      object.Set(field.name(), FieldReader(message, field).Read(0));
    }
  }
  return object;
}

Json ProtoToJson(const Message& message) { return MessageJson(message); }

std::vector<std::string> FieldNames(const google::protobuf::Descriptor& descriptor) {
  std::vector<std::string> names;
  for (int i = 0; i < descriptor.field_count(); ++i) names.push_back(descriptor.field(i)->name());
  return names;
}

std::string ShortEnumName(absl::string_view type_prefix, absl::string_view value_name) {
  absl::ConsumePrefix(&value_name, type_prefix);
  return absl::AsciiStrToLower(value_name);
}

}  // namespace modelref::ctl

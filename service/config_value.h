#pragma once

// Single values of the configuration: text and JSON to the types of config.proto and back.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/json.h"

namespace modelref {

// "20s", "500ms", "1h30m"; none for anything else, negative and infinite ones included.
std::optional<absl::Duration> ParseConfigDuration(absl::string_view text);
// "30s" and the like, exact.
std::string FormatConfigDuration(absl::Duration duration);

// A number of bytes: "4096", "64KiB", "1MiB", "2GiB".
std::optional<uint64_t> ParseByteSize(absl::string_view text);

// "true", "1", "yes", "on" and their opposites, letters of any case.
std::optional<bool> ParseBool(absl::string_view text);

// MODE_PRIMARY is "primary".
std::string EnumShortName(const google::protobuf::EnumValueDescriptor& value);
// The value of a short or full name, letters of any case. Null for unknown names and for zero
// values, which are no settings.
const google::protobuf::EnumValueDescriptor* FindEnumValue(
    const google::protobuf::EnumDescriptor& type, absl::string_view name);

bool IsDurationField(const google::protobuf::FieldDescriptor& field);

// What the file would hold for a setting given as text, by the type of its field; "none" is null.
// Lists are one JSON array or values separated by commas.
Json TextToJson(const google::protobuf::FieldDescriptor& field, absl::string_view text);

// Sets a field that is no message (durations and lists of strings count as values). Returns what is
// wrong with the value, without quoting it, or nothing. `nullable`: null clears the field.
std::optional<std::string> SetValue(google::protobuf::Message* message,
                                    const google::protobuf::FieldDescriptor& field,
                                    const Json& value, bool nullable);

// The value as the file would hold it, in one line of JSON. Passwords inside URLs are replaced by
// "***".
std::string FormatValue(const google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor& field);

// "redis://user:secret@host/0?x=y" becomes "redis://***@host/0?***". What is no URL stays as it is.
std::string RedactUrl(absl::string_view text);

}  // namespace modelref

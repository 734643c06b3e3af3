#pragma once

// The JSON form of messages that scripts read. It is Protobuf's own with four differences, so that
// no tool has to decode anything:
//   - field names are those of the proto (snake_case) and fields without presence are always there;
//   - 64-bit integers are numbers;
//   - bytes are lower-case hexadecimal (etags, epochs, digests), but
//   - bytes named "json", "old_value" and "new_value" are the JSON value they hold, numbers as they
//     were written, null when they are empty.
// Enums are the names of the proto, durations "1.5s", timestamps RFC 3339 in UTC. Fields with
// presence (messages, optional, oneof) are left out when they are unset.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/json.h"

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace modelref::ctl {

Json ProtoToJson(const google::protobuf::Message& message);

// The same as an object, to which members can be added.
JsonObject ProtoToObject(const google::protobuf::Message& message);

// The names of a message's fields in the order of the proto.
std::vector<std::string> FieldNames(const google::protobuf::Descriptor& descriptor);

// "v2" of FORMAT_V2: an enum's value for tables, without the prefix that its type gives it.
std::string ShortEnumName(absl::string_view type_prefix, absl::string_view value_name);

}  // namespace modelref::ctl

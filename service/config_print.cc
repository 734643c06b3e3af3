#include "service/config_print.h"

#include "absl/strings/str_cat.h"
#include "service/config_value.h"

namespace modelref {

std::string PrintConfig(const ConfigBuilder& builder) {
  std::string text;
  VisitConfig(builder.config(),
              [&](const std::string& path, const google::protobuf::Message& message,
                  const google::protobuf::FieldDescriptor& field) {
                absl::StrAppend(&text, path, " = ", FormatValue(message, field), "  # ",
                                DescribeOrigin(builder.OriginOf(path)), "\n");
              });
  return text;
}

}  // namespace modelref

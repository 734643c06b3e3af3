#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "backends/base/json.h"

namespace modelref::ctl {

// Writes a value as YAML in block style: members in order, numbers as they were written, every
// string that YAML 1.1 or 1.2 could take for something else in double quotes. Ends with a newline.
std::string FormatYaml(const Json& value);

// One member of a top-level mapping, "name: value\n": documents are written record by record.
std::string FormatYamlMember(absl::string_view name, const Json& value);

}  // namespace modelref::ctl

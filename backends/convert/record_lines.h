#pragma once

#include "absl/strings/string_view.h"
#include "backends/convert/legacy_to_v2.h"

namespace modelref {

// The line of each member of the outermost object of a valid JSON text, by name. The last one when
// a name is repeated: its value is the one that counts.
RecordLines FindRecordLines(absl::string_view json);

}  // namespace modelref

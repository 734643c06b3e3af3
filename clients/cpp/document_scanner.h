#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref {

// Splits a canonical document (DESIGN 3: compact, one object from model name to record) without
// parsing the records: calls `visit` with each name, unescaped, and the bytes of its record, in
// order. Stops at the first error of `visit` and returns it. Constant memory beside one name.
//   INVALID_ARGUMENT  the text is not of that form; what is wrong and at which byte.
absl::Status ForEachMember(
    absl::string_view document,
    absl::FunctionRef<absl::Status(absl::string_view name, absl::string_view record)> visit);

}  // namespace modelref

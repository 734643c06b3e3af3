#include "service/bad_field.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"

namespace modelref {

absl::Status BadField(absl::string_view field, absl::string_view description,
                      absl::string_view reason) {
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(field, ": ", description),
               {.field_violations = {{std::string(field), std::string(description)}}});
}

}  // namespace modelref

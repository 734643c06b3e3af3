#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref {

// INVALID_ARGUMENT about one field of a request, as its only violation. `field` is its path from
// the root ("options.if_match").
absl::Status BadField(absl::string_view field, absl::string_view description,
                      absl::string_view reason = "BAD_FIELD");

}  // namespace modelref

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modelref::ctl {

// The bytes of a hexadecimal text of exactly `bytes` bytes, letters in either case.
// INVALID_ARGUMENT (UsageError) names `what`.
absl::StatusOr<std::string> ParseHex(absl::string_view text, size_t bytes, absl::string_view what);

// An etag as the program prints it: 64 hexadecimal digits.
absl::StatusOr<std::string> ParseEtag(absl::string_view text);

}  // namespace modelref::ctl

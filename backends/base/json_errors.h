#pragma once

// What RapidJSON's error codes mean to the author of a file. Included by parsers only.

#include <rapidjson/error/error.h>

#include "absl/strings/string_view.h"

namespace modelref {

absl::string_view JsonErrorReason(rapidjson::ParseErrorCode code);

// The same, told more exactly by the byte at the error: the reader reports control characters in
// strings with the codes of other errors. `text` is what the reader read.
absl::string_view JsonErrorReason(const rapidjson::ParseResult& result, absl::string_view text);

}  // namespace modelref

#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref::ctl {

// What to do next about an error, or nothing: a sentence, or a command that can be typed.
std::string HintFor(const absl::Status& status);

// The error for people: the message and, on lines of their own, the fields that are wrong and a
// hint.
std::string FormatError(const absl::Status& status, bool quiet);

// The error for programs, on one line:
//   {"error":{"code":"NOT_FOUND","grpc_code":5,"reason":…,"message":…,"exit_code":3, …}}
std::string FormatErrorJson(const absl::Status& status, int exit_code);

}  // namespace modelref::ctl

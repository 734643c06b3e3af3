#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "modelref/v1/watch.pb.h"

namespace modelref::ctl {

// Where a watch starts, as the user writes it; the start of `request` is set.
//   EPOCH:REVISION[:CHAIN]  as a watch prints it at its end; epoch and chain in hexadecimal
//   REVISION                the epoch of the position stays empty: the caller asks the server
//   TOKEN                   resume_token of a line of `watch -o jsonl`: hexadecimal or base64
// INVALID_ARGUMENT (UsageError) for anything else.
absl::Status ParseSince(const std::string& text, v1::WatchRequest* request);

}  // namespace modelref::ctl

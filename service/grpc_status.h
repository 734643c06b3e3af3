#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace modelref {

// The only place that builds a grpc::Status. Canonical code, message and rich details as
// clients/cpp/error_codec.h defines them; OK becomes grpc::Status::OK. Codes outside the canonical
// range become UNKNOWN.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace modelref

#pragma once

// The one translation between absl::Status (with the reason and extras of backends/base/error.h)
// and what gRPC carries: code, message and the google.rpc.Status bytes of the
// `grpc-status-details-bin` trailer (AIP-193).

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace grpc {
class Status;
}

namespace modelref {

inline constexpr absl::string_view kErrorDomain = "modelref";
// Limits of what is sent: larger trailers are dropped or kill connections on the way (grpc.md 7,
// 22).
inline constexpr size_t kMaxErrorMessageBytes = 512;
inline constexpr size_t kMaxErrorDetailsBytes = 3 * 1024;

struct EncodedError {
  std::string message;  // Valid UTF-8, at most kMaxErrorMessageBytes, cut at a character's border.
  std::string details;  // A serialized google.rpc.Status of at most kMaxErrorDetailsBytes.
};

// Encodes a status that is not OK. The details always hold an ErrorInfo (reason = ReasonOf(status),
// domain "modelref"); BadRequest, RetryInfo and PreconditionFailure are there when the status has
// such extras. Violations that do not fit are replaced by a last one that counts them ("... and 12
// more"); metadata values are cut first.
EncodedError EncodeError(const absl::Status& status);

// The inverse: a status with code, message and, when `details` is a google.rpc.Status with an
// ErrorInfo, its reason and extras. Details that do not parse are ignored: a peer's bad trailer
// must not hide its error.
absl::Status DecodeError(absl::StatusCode code, absl::string_view message,
                         absl::string_view details);

// DecodeError over what a gRPC call returned. OK becomes OK.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace modelref

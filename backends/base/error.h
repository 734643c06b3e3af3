#pragma once

// Errors with a reason: an absl::Status that also carries what a program needs to react to it. The
// reason and its companions travel as one payload of the status, so they survive every function
// that passes a status on, and service/grpc_status.h puts them on the wire.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modelref {

// One bad field of a request: its path from the root ("filter.baselines[2]") and what is wrong with
// it.
struct FieldViolation {
  std::string field;
  std::string description;
  bool operator==(const FieldViolation&) const = default;
};

// One condition outside the request that does not hold.
struct PreconditionViolation {
  std::string type;
  std::string subject;
  std::string description;
  bool operator==(const PreconditionViolation&) const = default;
};

struct ErrorExtras {
  // What varies in the message, by lowerCamelCase or snake_case key. Never credentials.
  std::map<std::string, std::string> metadata;
  // The shortest time to wait before repeating the call; none = nothing is promised.
  std::optional<absl::Duration> retry_after;
  std::vector<FieldViolation> field_violations;
  std::vector<PreconditionViolation> preconditions;
  bool operator==(const ErrorExtras&) const = default;
};

// A status of `code` (not kOk) with `reason`, a constant such as ETAG_MISMATCH (upper case, digits,
// underscores, at most 63 bytes).
absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                   ErrorExtras extras = {});

// The same error with `prefix` and ": " before its message; payloads are kept. An OK status stays
// OK.
absl::Status Annotated(const absl::Status& status, absl::string_view prefix);

// The reason given to Error(); without one, the name of the code ("NOT_FOUND"). Empty for an OK
// status.
std::string ReasonOf(const absl::Status& status);

// The companions given to Error(); empty when there are none.
ErrorExtras ExtrasOf(const absl::Status& status);

// The payload's key, for code that copies payloads selectively.
absl::string_view ErrorPayloadUrl();

}  // namespace modelref

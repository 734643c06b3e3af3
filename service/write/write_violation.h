#pragma once

// What is wrong with a write, collected: an answer names everything, not the first thing.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "modelref/v1/write.pb.h"

namespace modelref {

struct WriteViolation {
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  std::string reason;       // "INVALID_RECORD", …
  std::string model;        // Empty: the whole write.
  std::string field;        // In the record, such as "config.download[0].sha256sum".
  std::string description;  // For people.
  // Of the request, such as "operations[3].put.json.baseline"; empty when the request is not to
  // blame, but what it met.
  std::string request_field;
  // Of a record that was not to be written anyway: listed, but never the error.
  bool is_aside = false;
};

// The error that a write with these violations answers. When the request itself is wrong: the first
// reason of that, with every field of it. Otherwise the first thing that it met. OK without any.
absl::Status ErrorOf(const std::vector<WriteViolation>& violations);

v1::Violation ToProto(const WriteViolation& violation);

}  // namespace modelref

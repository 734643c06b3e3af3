#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/modelrefctl/invocation.h"
#include "modelref/v1/write.pb.h"

namespace modelref::ctl {

// What became of one model.
struct WrittenModel {
  std::string name;
  std::string result;  // "written", "deleted", "unchanged", "queued".
  std::string etag;    // 32 bytes; empty when it is deleted or not known.
};

// What became of a write, for all methods alike.
struct WriteOutcome {
  std::unique_ptr<google::protobuf::Message> response;  // As -o json has it.
  std::string request_id;
  // One of these.
  std::optional<v1::Committed> committed;
  std::optional<v1::Queued> queued;
  std::optional<v1::Validated> validated;
  std::vector<WrittenModel> models;  // Unless it was only validated.
};

// The outcome of a response with the results of PutModelResponse. The models are the caller's.
template <typename Response>
WriteOutcome MakeOutcome(const Response& response, const std::string& request_id) {
  WriteOutcome outcome;
  outcome.response = std::make_unique<Response>(response);
  outcome.request_id = request_id;
  if (response.has_committed()) outcome.committed = response.committed();
  if (response.has_queued()) outcome.queued = response.queued();
  if (response.has_validated()) outcome.validated = response.validated();
  return outcome;
}

// Prints it: a row per model, or per field that would change; -o name the models that (would)
// change. Exit status 6 when it waits for a review. The error is that of the violations.
absl::Status PrintOutcome(Invocation& invocation, const WriteOutcome& outcome);

// -o json, jsonl and yaml of any response: the message and "request_id".
bool IsMessageMode(const Invocation& invocation);
absl::Status PrintResponse(Invocation& invocation, const google::protobuf::Message& response,
                           const std::string& request_id);

// The error that the write would have failed with; OK without violations.
absl::Status ViolationError(const v1::Validated& validated);

// True when a model would be added, changed or deleted.
bool WouldChange(const v1::Validated& validated);

}  // namespace modelref::ctl

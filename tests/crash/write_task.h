#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/base/document_key.h"
#include "clients/cpp/client.h"

namespace modelref::testing {

// One write of the crash suite.
struct WriteTask {
  enum class Method { kPut, kDelete, kMany, kImport };
  struct Step {
    std::string name;
    std::string value;  // Its description; empty: a delete.
    v1::WriteMode mode = v1::WRITE_MODE_UPSERT;
    std::string if_match;
  };

  Method method = Method::kPut;
  DocumentKey key;
  std::vector<Step> steps;  // Never empty.
  bool replaces = false;    // Of imports.
  std::string id;           // Of the request.
  std::string reason;       // Why it must be refused; empty: it must not be.
  bool is_race = false;     // It may be refused for what another user did.
  bool was_sent = false;
};

struct TaskAnswer {
  v1::Committed committed;
  std::vector<std::string> etags;  // Of the records of the steps, where they are told.
};

// Makes the call. Errors as Client.
absl::StatusOr<TaskAnswer> SendTask(Client& client, const WriteTask& task);

}  // namespace modelref::testing

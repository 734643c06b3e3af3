#pragma once

// What the exit status of modelrefctl means. Scripts rely on it: values never change.

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modelref::ctl {

enum class ExitCode : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNotFound = 3,
  kNotAllowed = 4,
  kConflict = 5,
  kPendingReview = 6,
  kInvalid = 7,
  kUnavailable = 8,
  kIntegrity = 9,
  kDifferent = 10,
  kInterrupted = 130,
};

struct ExitCodeRow {
  ExitCode code;
  absl::string_view meaning;
};

// Every code, ascending; what `help exit-codes` prints.
const std::vector<ExitCodeRow>& ExitCodeTable();

// The code of a status by its gRPC code and reason. A status made by UsageError is kUsage.
ExitCode ExitCodeFor(const absl::Status& status);

// The exit status of the process: ExitCodeFor, or with --grpc-exit 64 plus the gRPC code of a
// failure. Usage errors and interrupts stay what they are.
int ProcessExitCode(const absl::Status& status, bool grpc_exit);

// The command line, the environment or the configuration is wrong; nothing was sent.
absl::Status UsageError(absl::string_view message);
bool IsUsageError(const absl::Status& status);

// The user or the system asked to stop.
absl::Status InterruptedError();
bool IsInterrupted(const absl::Status& status);

}  // namespace modelref::ctl

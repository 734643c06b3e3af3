#include "clients/modelrefctl/exit_codes.h"

#include <algorithm>
#include <array>
#include <string>

#include "backends/base/error.h"

namespace modelref::ctl {
namespace {

constexpr char kUsageReason[] = "USAGE";
constexpr char kInterruptedReason[] = "INTERRUPTED";
constexpr int kGrpcExitBase = 64;

// Positions that the server cannot continue or compare: the caller's knowledge is outdated.
constexpr std::array<absl::string_view, 4> kConflictReasons = {
    "COMPACTED", "EPOCH_MISMATCH", "REVISION_IN_FUTURE", "ETAG_MISMATCH"};
// Refused by a rule of the server, whoever asks.
constexpr std::array<absl::string_view, 3> kRefusedReasons = {
    "READ_ONLY_REPLICA", "WRITES_NOT_SUPPORTED", "MASS_REMOVAL"};
// What was sent cannot be accepted, however often.
constexpr std::array<absl::string_view, 4> kInvalidReasons = {
    "WRONG_FORMAT", "RECORD_TOO_LARGE", "DOCUMENT_TOO_LARGE", "TOO_MANY_OPERATIONS"};
// Refused by the client before anything was sent.
constexpr std::array<absl::string_view, 5> kUsageReasons = {
    kUsageReason, "BAD_ADDRESS", "BAD_CREDENTIAL", "EMPTY_CREDENTIAL", "PLAINTEXT_CREDENTIAL"};

template <size_t n>
bool Contains(const std::array<absl::string_view, n>& reasons, absl::string_view reason) {
  return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
}

}  // namespace

const std::vector<ExitCodeRow>& ExitCodeTable() {
  static const auto* const table = new std::vector<ExitCodeRow>{
      {ExitCode::kOk, "done"},
      {ExitCode::kFailure, "another failure"},
      {ExitCode::kUsage, "the command line or the configuration is wrong; nothing was sent"},
      {ExitCode::kNotFound, "the category, model, file or other thing does not exist"},
      {ExitCode::kNotAllowed,
       "not authenticated or not allowed, also a replica or a removal of too much"},
      {ExitCode::kConflict,
       "conflict: a stale revision or etag, a model that exists, a lost claim"},
      {ExitCode::kPendingReview, "accepted, but waits for a review; not live"},
      {ExitCode::kInvalid, "validation failed: the request or the data is invalid"},
      {ExitCode::kUnavailable, "the server is unavailable, overloaded or too slow"},
      {ExitCode::kIntegrity, "integrity failure: damaged data, or a wrong etag"},
      {ExitCode::kDifferent, "a comparison found differences"},
      {ExitCode::kInterrupted, "interrupted"},
  };
  return *table;
}

ExitCode ExitCodeFor(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  if (Contains(kUsageReasons, reason)) return ExitCode::kUsage;
  if (Contains(kConflictReasons, reason)) return ExitCode::kConflict;
  if (Contains(kRefusedReasons, reason)) return ExitCode::kNotAllowed;
  if (Contains(kInvalidReasons, reason)) return ExitCode::kInvalid;
  if (reason == "UPLOAD_STALLED") return ExitCode::kUnavailable;
  if (reason == kInterruptedReason) return ExitCode::kInterrupted;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kNotAllowed;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return ExitCode::kConflict;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kInvalid;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return ExitCode::kUnavailable;
    case absl::StatusCode::kDataLoss:
      return ExitCode::kIntegrity;
    default:
      return ExitCode::kFailure;
  }
}

int ProcessExitCode(const absl::Status& status, bool grpc_exit) {
  const ExitCode code = ExitCodeFor(status);
  const bool ours = status.ok() || code == ExitCode::kUsage || code == ExitCode::kInterrupted;
  if (grpc_exit && !ours) return kGrpcExitBase + static_cast<int>(status.code());
  return static_cast<int>(code);
}

absl::Status UsageError(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, kUsageReason, message);
}

bool IsUsageError(const absl::Status& status) { return ReasonOf(status) == kUsageReason; }

absl::Status InterruptedError() {
  return Error(absl::StatusCode::kCancelled, kInterruptedReason, "interrupted");
}

bool IsInterrupted(const absl::Status& status) { return ReasonOf(status) == kInterruptedReason; }

}  // namespace modelref::ctl

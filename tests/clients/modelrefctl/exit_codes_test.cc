#include "clients/modelrefctl/exit_codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "clients/modelrefctl/help.h"

namespace modelref::ctl {
namespace {

TEST(ExitCodesTest, EveryGrpcCodeHasItsExitCode) {
  const std::pair<absl::StatusCode, int> expected[] = {
      {absl::StatusCode::kOk, 0},
      {absl::StatusCode::kCancelled, 1},
      {absl::StatusCode::kUnknown, 1},
      {absl::StatusCode::kInvalidArgument, 7},
      {absl::StatusCode::kDeadlineExceeded, 8},
      {absl::StatusCode::kNotFound, 3},
      {absl::StatusCode::kAlreadyExists, 5},
      {absl::StatusCode::kPermissionDenied, 4},
      {absl::StatusCode::kResourceExhausted, 8},
      {absl::StatusCode::kFailedPrecondition, 1},
      {absl::StatusCode::kAborted, 5},
      {absl::StatusCode::kOutOfRange, 1},
      {absl::StatusCode::kUnimplemented, 1},
      {absl::StatusCode::kInternal, 1},
      {absl::StatusCode::kUnavailable, 8},
      {absl::StatusCode::kDataLoss, 9},
      {absl::StatusCode::kUnauthenticated, 4},
  };
  for (const auto& [code, exit_code] : expected) {
    EXPECT_EQ(ProcessExitCode(absl::Status(code, "x"), false), exit_code) << code;
    const int grpc_exit = code == absl::StatusCode::kOk ? 0 : 64 + static_cast<int>(code);
    EXPECT_EQ(ProcessExitCode(absl::Status(code, "x"), true), grpc_exit) << code;
  }
}

TEST(ExitCodesTest, RefusedWritesAreToldApart) {
  const auto code_of = [](absl::StatusCode code, const char* reason) {
    return ExitCodeFor(Error(code, reason, "x"));
  };
  for (const char* reason : {"READ_ONLY_REPLICA", "WRITES_NOT_SUPPORTED", "MASS_REMOVAL"}) {
    EXPECT_EQ(code_of(absl::StatusCode::kFailedPrecondition, reason), ExitCode::kNotAllowed);
  }
  for (const char* reason : {"RECORD_TOO_LARGE", "DOCUMENT_TOO_LARGE", "TOO_MANY_OPERATIONS"}) {
    EXPECT_EQ(code_of(absl::StatusCode::kResourceExhausted, reason), ExitCode::kInvalid);
  }
  EXPECT_EQ(code_of(absl::StatusCode::kFailedPrecondition, "WRONG_FORMAT"), ExitCode::kInvalid);
  EXPECT_EQ(code_of(absl::StatusCode::kAborted, "UPLOAD_STALLED"), ExitCode::kUnavailable);
}

TEST(ExitCodesTest, OutdatedPositionsAreConflictsWhateverTheirCode) {
  for (const char* reason : {"COMPACTED", "EPOCH_MISMATCH", "REVISION_IN_FUTURE"}) {
    const absl::Status status = Error(absl::StatusCode::kFailedPrecondition, reason, "x");
    EXPECT_EQ(ExitCodeFor(status), ExitCode::kConflict) << reason;
  }
}

TEST(ExitCodesTest, UsageAndInterruptKeepTheirCodesWithGrpcExit) {
  EXPECT_EQ(ProcessExitCode(UsageError("x"), true), 2);
  EXPECT_EQ(ProcessExitCode(InterruptedError(), true), 130);
}

TEST(ExitCodesTest, CodesOfTheContractAreListedInHelp) {
  const std::string help = HelpTopic("exit-codes");
  for (const int code : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130}) {
    const bool listed =
        std::any_of(ExitCodeTable().begin(), ExitCodeTable().end(),
                    [code](const ExitCodeRow& row) { return static_cast<int>(row.code) == code; });
    EXPECT_TRUE(listed) << code;
  }
  EXPECT_EQ(ExitCodeTable().size(), 12u);
  for (const ExitCodeRow& row : ExitCodeTable()) {
    EXPECT_NE(help.find(absl::StrCat(static_cast<int>(row.code), "  ", row.meaning)),
              std::string::npos)
        << row.meaning;
  }
}

}  // namespace
}  // namespace modelref::ctl

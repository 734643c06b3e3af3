#include "clients/modelrefctl/error_report.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "backends/base/error.h"
#include "clients/modelrefctl/exit_codes.h"
#include "tests/clients/fake_server.h"
#include "tests/clients/modelrefctl/ctl_runner.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::UnusedAddress;

TEST(ErrorReportTest, TextHasReasonFieldsAndHint) {
  ErrorExtras extras;
  extras.field_violations = {{"read_mask[0]", "is no field"}};
  const absl::Status status =
      Error(absl::StatusCode::kNotFound, "CATEGORY_NOT_FOUND", "no category x\033[2J", extras);
  EXPECT_EQ(FormatError(status, false),
            "modelrefctl: no category x\\x1b[2J (CATEGORY_NOT_FOUND)\n"
            "  read_mask[0]: is no field\n"
            "  hint: list the categories: modelrefctl category list\n");
  EXPECT_FALSE(absl::StrContains(FormatError(status, true), "hint"));
}

TEST(ErrorReportTest, JsonIsOneLineWithEverythingAProgramNeeds) {
  ErrorExtras extras;
  extras.metadata = {{"category", "x"}};
  extras.retry_after = absl::Milliseconds(1500);
  const absl::Status status =
      Error(absl::StatusCode::kUnavailable, "REPLICA_BEHIND", "behind", extras);
  EXPECT_EQ(FormatErrorJson(status, 8),
            R"({"error":{"code":"UNAVAILABLE","grpc_code":14,"reason":"REPLICA_BEHIND",)"
            R"("message":"behind","metadata":{"category":"x"},"retry_after":"1.5s",)"
            R"("hint":"try again, or ask the primary","exit_code":8}})"
            "\n");
}

TEST(ErrorReportTest, UnreachableServerIsExitCodeEightAndSaysWhatToDo) {
  CtlRunner runner;
  const CtlResult result = runner.Run({"category", "list", "--server", UnusedAddress()});
  EXPECT_EQ(result.code, 8);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(absl::StrContains(result.err, "is modelrefd running? try ./dev run")) << result.err;
}

TEST(ErrorReportTest, JsonModesReportErrorsAsJsonOnStderr) {
  CtlRunner runner;
  const std::string server = UnusedAddress();
  for (const char* mode : {"json", "jsonl"}) {
    const CtlResult failed = runner.Run({"category", "list", "-o", mode, "--server", server});
    EXPECT_TRUE(absl::StartsWith(failed.err, R"({"error":{"code":"UNAVAILABLE")")) << failed.err;
    EXPECT_EQ(failed.out, "");
    const CtlResult usage = runner.Run({"category", "lst", "-o", mode});
    EXPECT_EQ(usage.code, 2);
    EXPECT_TRUE(absl::StartsWith(usage.err, R"({"error":{"code":"INVALID_ARGUMENT")"));
  }
}

TEST(ErrorReportTest, GrpcExitGivesTheCode) {
  CtlRunner runner;
  EXPECT_EQ(runner.Run({"category", "list", "--grpc-exit", "--server", UnusedAddress()}).code,
            64 + 14);
}

}  // namespace
}  // namespace modelref::ctl

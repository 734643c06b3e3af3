#pragma once

// Matchers for absl::Status and absl::StatusOr, spelled as newer Abseil spells them.

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

// EXPECT_THAT(status_or_statusor, IsOk()).
MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  return arg.ok();
}

// EXPECT_THAT(statusor, IsOkAndHolds(matcher or value)).
MATCHER_P(IsOkAndHolds, value, "is OK and holds something that matches") {
  if (!arg.ok()) {
    *result_listener << "which is " << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

// EXPECT_THAT(status_or_statusor, StatusIs(absl::StatusCode::kNotFound)).
MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << "which is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

// The same, and the message matches as well.
MATCHER_P2(StatusIs, code, message,
           "has code " + absl::StatusCodeToString(code) + " and a message") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message, std::string(StatusOf(arg).message()),
                                       result_listener);
}

// EXPECT_THAT(status_or_statusor, HasReason("NOT_BUILT")).
MATCHER_P(HasReason, reason, "has reason " + std::string(reason)) {
  *result_listener << "which is " << StatusOf(arg).ToString() << " with reason "
                   << ReasonOf(StatusOf(arg));
  return ReasonOf(StatusOf(arg)) == reason;
}

}  // namespace modelref::testing

// `lhs` becomes the value of a StatusOr, or the test ends here.
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_IMPL(MODELREF_CONCAT(assert_status_or_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_IMPL(statusor, lhs, expr) \
  auto statusor = (expr);                              \
  ASSERT_TRUE(statusor.ok()) << statusor.status();     \
  lhs = *std::move(statusor)

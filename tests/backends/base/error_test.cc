#include "backends/base/error.h"

#include <gtest/gtest.h>

#include "absl/strings/cord.h"

namespace modelref {
namespace {

TEST(ErrorTest, CarriesReasonAndExtras) {
  ErrorExtras extras;
  extras.metadata = {{"category", "lora"}, {"empty", ""}};
  extras.retry_after = absl::Nanoseconds(1'500'000'001);
  extras.field_violations = {{"a.b[0]", "too long"}, {"", std::string("nul \0 byte", 10)}};
  extras.preconditions = {{"T", "S", "D"}};
  const absl::Status status = Error(absl::StatusCode::kAborted, "ETAG_MISMATCH", "changed", extras);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "changed");
  EXPECT_EQ(ReasonOf(status), "ETAG_MISMATCH");
  EXPECT_EQ(ExtrasOf(status), extras);
}

TEST(ErrorTest, StatusWithoutReasonHasTheNameOfItsCode) {
  EXPECT_EQ(ReasonOf(absl::NotFoundError("x")), "NOT_FOUND");
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
  EXPECT_EQ(ExtrasOf(absl::NotFoundError("x")), ErrorExtras());
}

TEST(ErrorTest, AnnotationKeepsTheReason) {
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(2);
  const absl::Status status = Annotated(
      Error(absl::StatusCode::kUnavailable, "STORE_BUSY", "locked", extras), "category lora");
  EXPECT_EQ(status.message(), "category lora: locked");
  EXPECT_EQ(ReasonOf(status), "STORE_BUSY");
  EXPECT_EQ(ExtrasOf(status), extras);
  EXPECT_TRUE(Annotated(absl::OkStatus(), "x").ok());
}

TEST(ErrorTest, DamagedPayloadReadsAsNone) {
  for (const std::string& bytes :
       {std::string(), std::string("short"), std::string(8, '\xFF'), std::string(64, '\x01'),
        std::string("\x01\0\0\0\0\0\0\0R\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 17)}) {
    absl::Status status = absl::InternalError("x");
    status.SetPayload(ErrorPayloadUrl(), absl::Cord(bytes));
    EXPECT_TRUE(ExtrasOf(status).field_violations.empty());
    EXPECT_FALSE(ExtrasOf(status).retry_after.has_value());
    EXPECT_FALSE(ReasonOf(status).empty());
  }
}

}  // namespace
}  // namespace modelref

#include "service/bad_field.h"

#include <gtest/gtest.h>

#include "backends/base/error.h"

namespace modelref {
namespace {

TEST(BadFieldTest, NamesTheFieldInTheMessageAndAsItsOnlyViolation) {
  const absl::Status status = BadField("options.route", "is not known");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "options.route: is not known");
  EXPECT_EQ(ReasonOf(status), "BAD_FIELD");
  const std::vector<FieldViolation> expected = {{"options.route", "is not known"}};
  EXPECT_EQ(ExtrasOf(status).field_violations, expected);
  EXPECT_EQ(ReasonOf(BadField("options.request_id", "is no UUID", "BAD_REQUEST_ID")),
            "BAD_REQUEST_ID");
}

}  // namespace
}  // namespace modelref

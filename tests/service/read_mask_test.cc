#include "service/read_mask.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "backends/base/error.h"
#include "backends/base/json.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {
namespace {

using ::testing::HasSubstr;
using v1::Model;

absl::StatusOr<ReadMask> Parse(const std::vector<std::string>& names) {
  return ReadMask::Parse({names.begin(), names.end()});
}

TEST(ReadMaskTest, NoNamesMeanEveryField) {
  const auto mask = Parse({});
  ASSERT_TRUE(mask.ok());
  for (int i = 0; i < Model::descriptor()->field_count(); ++i) {
    EXPECT_TRUE(mask->Has(Model::descriptor()->field(i)->number()));
  }
}

TEST(ReadMaskTest, EveryFieldCanBeNamedAloneAndBringsOnlyTheNameAlong) {
  for (int i = 0; i < Model::descriptor()->field_count(); ++i) {
    const auto* const field = Model::descriptor()->field(i);
    const auto mask = Parse({field->name()});
    ASSERT_TRUE(mask.ok()) << field->name();
    for (int j = 0; j < Model::descriptor()->field_count(); ++j) {
      const int number = Model::descriptor()->field(j)->number();
      EXPECT_EQ(mask->Has(number), i == j || number == Model::kNameFieldNumber) << field->name();
    }
  }
}

TEST(ReadMaskTest, OnlyWhatStandsInTheRecordNeedsTheRecord) {
  EXPECT_FALSE(Parse({"name", "json", "etag", "mod_revision"})->NeedsRecord());
  EXPECT_TRUE(Parse({"name", "nsfw"})->NeedsRecord());
  EXPECT_TRUE(ReadMask::All().NeedsRecord());
}

TEST(ReadMaskTest, EveryUnknownNameIsAViolation) {
  const auto mask = Parse({"tags", "Tags", "json", "downloads.file_url", ""});
  EXPECT_EQ(mask.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(mask.status()), "BAD_FIELD");
  const auto violations = ExtrasOf(mask.status()).field_violations;
  ASSERT_EQ(violations.size(), 3u);
  EXPECT_EQ(violations[0].field, "read_mask[1]");
  EXPECT_THAT(violations[0].description, HasSubstr("\"Tags\""));
  EXPECT_EQ(violations[1].field, "read_mask[3]");
  EXPECT_EQ(violations[2].field, "read_mask[4]");
}

TEST(ReadMaskTest, AnErrorStaysSmallWhateverWasAsked) {
  std::string long_name(63, 'x');
  for (int i = 0; i < 1000; ++i) long_name += "é";
  const auto mask = Parse(std::vector<std::string>(5000, long_name));
  const auto violations = ExtrasOf(mask.status()).field_violations;
  EXPECT_EQ(violations.size(), 20u);
  for (const FieldViolation& violation : violations) {
    EXPECT_LT(violation.description.size(), 120u);
    EXPECT_TRUE(IsValidUtf8(violation.description));
  }
}

}  // namespace
}  // namespace modelref

#include "service/store/category_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::ReadShared;
using ::modelref::testing::StatusIs;

const DocumentKey kClip{"clip", Format::kV2};
const DocumentKey kLegacyText{"text_generation", Format::kLegacy};

absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

TEST(CategoryMetadataTest, MetadataBeginsWithItsThreeTimesAndNothingElse) {
  const CategoryMetadata metadata = BeginMetadata(At(100));
  EXPECT_EQ(metadata.last_updated, At(100));
  EXPECT_EQ(metadata.initialized, At(100));
  EXPECT_EQ(metadata.last_success, At(100));
  EXPECT_EQ(metadata.last_operation, std::nullopt);
  EXPECT_EQ(metadata.last_model, std::nullopt);
  EXPECT_EQ(metadata.creates + metadata.updates + metadata.deletes + metadata.errors, 0u);
}

TEST(CategoryMetadataTest, EachOperationIsCountedOnceAndMovesTheTimes) {
  CategoryMetadata metadata = BeginMetadata(At(100));
  CountOperation(Operation::kCreate, "a", At(101), &metadata);
  CountOperation(Operation::kUpdate, "b", At(102), &metadata);
  CountOperation(Operation::kDelete, "c", At(103), &metadata);
  EXPECT_EQ(metadata.creates, 1u);
  EXPECT_EQ(metadata.updates, 1u);
  EXPECT_EQ(metadata.deletes, 1u);
  EXPECT_EQ(metadata.last_operation, Operation::kDelete);
  EXPECT_EQ(metadata.last_model, "c");
  EXPECT_EQ(metadata.last_updated, At(103));
  EXPECT_EQ(metadata.last_success, At(103));
  EXPECT_EQ(metadata.initialized, At(100));
}

TEST(CategoryMetadataTest, AFailureMovesOnlyTheTimeOfTheUpdate) {
  CategoryMetadata metadata = BeginMetadata(At(100));
  CountFailures(0, At(104), &metadata);
  EXPECT_EQ(metadata, BeginMetadata(At(100)));
  CountFailures(2, At(105), &metadata);
  EXPECT_EQ(metadata.errors, 2u);
  EXPECT_EQ(metadata.last_updated, At(105));
  EXPECT_EQ(metadata.last_success, At(100));
  EXPECT_EQ(metadata.last_operation, std::nullopt);
}

TEST(CategoryMetadataTest, TimesNeverGoBack) {
  CategoryMetadata metadata = BeginMetadata(At(100));
  CountOperation(Operation::kCreate, "a", At(50), &metadata);
  EXPECT_EQ(metadata.last_updated, At(100));
  EXPECT_EQ(metadata.last_success, At(100));
}

TEST(OperationRuleTest, EverybodyIsCountedButAnAdoption) {
  for (const char* caller : {"1", "external:file", "external:repair", "system:populate", ""}) {
    EXPECT_TRUE(OperationRule(caller, {}).Counts(kClip, "a")) << caller;
  }
  EXPECT_FALSE(OperationRule("external:adopt", {}).Counts(kClip, "a"));
}

TEST(OperationRuleTest, V2RecordsThatFollowFromALegacyWriteDoNotCount) {
  const OperationRule rule("1", {"clip"});
  EXPECT_FALSE(rule.Counts(kClip, "a"));
  EXPECT_TRUE(rule.Counts({"clip", Format::kLegacy}, "a"));
  EXPECT_TRUE(rule.Counts({"lora", Format::kV2}, "a"));
}

TEST(OperationRuleTest, DerivedEntriesOfTextModelsDoNotCount) {
  const OperationRule rule("1", {});
  EXPECT_TRUE(rule.Counts(kLegacyText, "Author/Model-7B"));
  EXPECT_FALSE(rule.Counts(kLegacyText, "aphrodite/Author/Model-7B"));
  EXPECT_FALSE(rule.Counts(kLegacyText, "koboldcpp/Model-7B"));
  EXPECT_TRUE(rule.Counts({"text_generation", Format::kV2}, "koboldcpp/Model-7B"));
}

TEST(CategoryMetadataTest, DerivedEntriesAreNoModels) {
  const DocumentPtr document = Document::FromRecords(
      {MakeRecord("a/b", "{}"), MakeRecord("aphrodite/a/b", "{}"), MakeRecord("koboldcpp/b", "{}")},
      1);
  EXPECT_EQ(CountModels(kLegacyText, *document), 1u);
  EXPECT_EQ(CountModels(kClip, *document), 3u);
}

// --- Files ---------------------------------------------------------------------------------------

TEST(MetadataFileTest, IsTheOriginalsByteForByte) {
  SKIP_WITHOUT_SHARED_DATA();
  const std::string golden = ReadShared("golden/samples/meta_v2/miscellaneous_metadata.json");
  CategoryMetadata metadata = BeginMetadata(At(1795211759));
  for (const char* name : {"m0", "m1", "m2"}) {
    CountOperation(Operation::kCreate, name, At(1795211759), &metadata);
  }
  EXPECT_EQ(FormatMetadataFile("miscellaneous", metadata, 0), golden);
  ASSERT_OK_AND_ASSIGN(const CategoryMetadata parsed, ParseMetadataFile(golden, At(1)));
  EXPECT_EQ(parsed, metadata);
}

TEST(MetadataFileTest, WhatHasNotHappenedIsNull) {
  CategoryMetadata metadata = BeginMetadata(At(7) + absl::Milliseconds(999));
  metadata.last_success = std::nullopt;
  EXPECT_EQ(FormatMetadataFile("clip", metadata, 3),
            R"({
  "category": "clip",
  "last_updated": 7,
  "last_operation_type": null,
  "last_operation_model": null,
  "total_creates": 0,
  "total_updates": 0,
  "total_deletes": 0,
  "total_models": 3,
  "initialization_time": 7,
  "last_successful_operation": null,
  "error_count": 0,
  "metadata_schema_version": "1.0.0",
  "backend_type": "FileSystemBackend"
})");
}

TEST(MetadataFileTest, EveryValueComesBackButForPartsOfSeconds) {
  CategoryMetadata metadata = BeginMetadata(At(100) + absl::Microseconds(5));
  CountOperation(Operation::kDelete, "Modèle \"x\"/\xe6\xa8\xa1\\", At(200), &metadata);
  CountFailures(3, At(300) + absl::Microseconds(1), &metadata);
  metadata.creates = UINT32_MAX + uint64_t{1};
  ASSERT_OK_AND_ASSIGN(const CategoryMetadata parsed,
                       ParseMetadataFile(FormatMetadataFile("clip", metadata, 1), At(1)));
  EXPECT_EQ(parsed, InWholeSeconds(metadata));
  EXPECT_NE(parsed, metadata);
}

TEST(MetadataFileTest, MissingFieldsHaveTheirBeginning) {
  ASSERT_OK_AND_ASSIGN(const CategoryMetadata metadata,
                       ParseMetadataFile(R"({"total_creates": 4})", At(9)));
  EXPECT_EQ(metadata.creates, 4u);
  EXPECT_EQ(metadata.initialized, At(9));
  EXPECT_EQ(metadata.last_updated, At(9));
  EXPECT_EQ(metadata.last_success, std::nullopt);
  EXPECT_EQ(metadata.last_model, std::nullopt);
}

TEST(MetadataFileTest, ValuesOfAnotherTypeCountAsMissing) {
  for (const char* value :
       {"null", "\"4\"", "-4", "4.5", "1e400", "99999999999999999999", "[]", "{}", "true", "NaN"}) {
    const auto metadata =
        ParseMetadataFile(absl::StrCat(R"({"total_creates": )", value, R"(, "last_updated": )",
                                       value, R"(, "last_operation_type": )", value,
                                       R"(, "last_successful_operation": )", value, "}"),
                          At(9));
    if (!metadata.ok()) {
      EXPECT_STREQ(value, "NaN");
      continue;
    }
    EXPECT_EQ(metadata->creates, 0u) << value;
    EXPECT_EQ(metadata->last_updated, At(9)) << value;
    EXPECT_EQ(metadata->last_operation, std::nullopt) << value;
    EXPECT_EQ(metadata->last_success, std::nullopt) << value;
  }
}

TEST(MetadataFileTest, WhatIsNoObjectIsDataLoss) {
  for (const char* bytes : {"", "{", "[]", "7", "{} {}", "\xff\xfe", "null"}) {
    EXPECT_THAT(ParseMetadataFile(bytes, At(9)), StatusIs(absl::StatusCode::kDataLoss)) << bytes;
  }
}

TEST(MetadataFileTest, LiesWhereTheOriginalHasIt) {
  EXPECT_EQ(MetadataFilePath("/data", kClip), "/data/meta/v2/clip_metadata.json");
  EXPECT_EQ(MetadataFilePath("/data", {"image_generation", Format::kLegacy}),
            "/data/meta/legacy/image_generation_metadata.json");
}

TEST(MetadataFileTest, TheNumberOfModelsIsReadWhereThereIsOne) {
  const CategoryMetadata metadata = BeginMetadata(absl::UnixEpoch());
  EXPECT_EQ(ModelsOfMetadataFile(FormatMetadataFile("clip", metadata, 7)), 7u);
  for (const char* bytes :
       {"", "[]", "{}", R"({"total_models": -1})", R"({"total_models": "7"})"}) {
    EXPECT_EQ(ModelsOfMetadataFile(bytes), 0u) << bytes;
  }
}

}  // namespace
}  // namespace modelref

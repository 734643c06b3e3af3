#include "service/metadata_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/base/error.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::Put;
using ::modelref::testing::Remove;

class MetadataServiceTest : public ::testing::Test {
 protected:
  explicit MetadataServiceTest(MetadataService::Options options = {})
      : service_(Catalogue{store_, registry_, Format::kV2, "node-1", clock_, nullptr},
                 std::move(options)) {}

  v1::CategoryMetadata Get(const std::string& category,
                           v1::Format format = v1::FORMAT_UNSPECIFIED) const {
    v1::GetCategoryMetadataRequest request;
    request.set_category(category);
    request.set_format(format);
    const auto response = service_.GetCategoryMetadata(request);
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return v1::CategoryMetadata();
    EXPECT_EQ(response->header().revision(), store_.root()->revision);
    return response->metadata();
  }

  FakeClock clock_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  Store store_{registry_.DocumentKeys(), clock_, Store::Options()};
  const MetadataService service_;
};

TEST_F(MetadataServiceTest, WithoutAnyTheCountersAreZeroAndNothingIsMade) {
  const RootPtr root = store_.root();
  const v1::CategoryMetadata metadata = Get("clip");
  EXPECT_FALSE(metadata.exists());
  EXPECT_EQ(metadata.category(), "clip");
  EXPECT_EQ(metadata.format(), v1::FORMAT_V2);
  EXPECT_FALSE(metadata.has_last_updated());
  EXPECT_FALSE(metadata.has_initialization_time());
  EXPECT_FALSE(metadata.has_last_operation_model());
  EXPECT_EQ(metadata.last_operation_type(), v1::MODEL_OPERATION_UNSPECIFIED);
  EXPECT_EQ(metadata.metadata_schema_version(), "1.0.0");
  EXPECT_EQ(metadata.backend_type(), "FileSystemBackend");
  EXPECT_EQ(metadata.etag().size(), 32u);
  EXPECT_EQ(store_.root(), root) << "reading never writes";
}

TEST_F(MetadataServiceTest, TheCountersAreThoseOfTheStore) {
  CommitTo(store_, Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  clock_.Advance(absl::Seconds(9));
  CommitTo(store_, Edit(kClip, {Put("a", "2"), Remove("b")}));
  const v1::CategoryMetadata metadata = Get("clip");
  EXPECT_TRUE(metadata.exists());
  EXPECT_EQ(metadata.total_creates(), 2u);
  EXPECT_EQ(metadata.total_updates(), 1u);
  EXPECT_EQ(metadata.total_deletes(), 1u);
  EXPECT_EQ(metadata.total_models(), 1u);
  EXPECT_EQ(metadata.last_operation_type(), v1::MODEL_OPERATION_DELETE);
  EXPECT_EQ(metadata.last_operation_model(), "b");
  EXPECT_EQ(metadata.initialization_time().seconds(), 1'700'000'000);
  EXPECT_EQ(metadata.last_updated().seconds(), 1'700'000'009);
  EXPECT_EQ(metadata.last_successful_operation().seconds(), 1'700'000'009);
  EXPECT_EQ(metadata.mod_revision(), store_.root()->revision);
  EXPECT_FALSE(Get("clip", v1::FORMAT_LEGACY).exists());
}

TEST_F(MetadataServiceTest, NamesThatNobodyKnowsAreToldSo) {
  v1::GetCategoryMetadataRequest request;
  request.set_category("no_such");
  EXPECT_THAT(service_.GetCategoryMetadata(request).status(), HasReason("CATEGORY_NOT_FOUND"));
  request.set_category("clip");
  request.set_format(static_cast<v1::Format>(9));
  EXPECT_THAT(service_.GetCategoryMetadata(request).status(), HasReason("UNKNOWN_FORMAT"));
}

TEST_F(MetadataServiceTest, AListHasEveryDocumentOfAFormatInTheOrderOfTheRegistry) {
  for (const v1::Format format : {v1::FORMAT_V2, v1::FORMAT_LEGACY}) {
    v1::ListCategoryMetadataRequest request;
    request.set_format(format);
    const auto response = service_.ListCategoryMetadata(request);
    ASSERT_THAT(response, IsOk());
    int next = 0;
    for (const Category& category : registry_.categories()) {
      ASSERT_LT(next, response->metadata_size());
      EXPECT_EQ(response->metadata(next).category(), category.name);
      EXPECT_EQ(response->metadata(next).format(), format);
      ++next;
    }
    EXPECT_EQ(next, response->metadata_size());
  }
}

TEST_F(MetadataServiceTest, TheNewestChangeIsToldWhetherItCountsOrNot) {
  v1::GetLastUpdatedRequest request;
  auto response = service_.GetLastUpdated(request);
  ASSERT_THAT(response, IsOk());
  EXPECT_FALSE(response->has_last_updated());
  EXPECT_EQ(response->category(), "");
  CommitTo(store_, Edit(kImages, {Put("x", "1")}));
  clock_.Advance(absl::Seconds(2));
  CommitTo(store_, Edit(kLegacyClip, {Put("a", "1")}), Edit(kClip, {Put("a", "1")}));
  EXPECT_FALSE(Get("clip").exists()) << "it follows from the legacy write";
  response = service_.GetLastUpdated(request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->category(), "clip");
  EXPECT_EQ(response->last_updated().seconds(), 1'700'000'002);
  EXPECT_EQ(response->mod_revision(), store_.root()->revision);
  request.set_category("image_generation");
  response = service_.GetLastUpdated(request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->last_updated().seconds(), 1'700'000'000);
}

TEST_F(MetadataServiceTest, PopulationAnswersForEveryCategoryAndOnlyOnceDoesSomething) {
  ASSERT_THAT(store_.Commit("external:adopt", {Edit(kClip, {Put("a", "1"), Put("b", "1")}),
                                               Edit(kLegacyClip, {Put("a", "1")})}),
              IsOk());
  v1::PopulateMetadataRequest request;
  request.set_validate_only(true);
  const auto told = service_.PopulateMetadata(request);
  ASSERT_THAT(told, IsOk());
  EXPECT_FALSE(Get("clip").exists());
  request.set_validate_only(false);
  const auto done = service_.PopulateMetadata(request);
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->total_categories(), registry_.categories().size());
  EXPECT_EQ(done->categories_processed_size(), done->results_size());
  for (const auto& response : {*told, *done}) {
    EXPECT_EQ(response.total_models_updated(), 2u);
    for (const v1::CategoryPopulation& result : response.results()) {
      const bool is_clip = result.category() == "clip";
      EXPECT_EQ(result.category_metadata_initialized(), is_clip);
      EXPECT_EQ(result.legacy_metadata_initialized(), is_clip);
      EXPECT_EQ(result.models_updated(), is_clip ? 2u : 0u);
      EXPECT_EQ(result.has_timestamp_used(), is_clip);
      EXPECT_EQ(result.error(), "");
    }
  }
  EXPECT_EQ(done->header().revision(), store_.root()->revision);
  EXPECT_TRUE(Get("clip").exists());
  EXPECT_TRUE(Get("clip", v1::FORMAT_LEGACY).exists());
  const auto again = service_.PopulateMetadata(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->total_models_updated(), 0u);
}

TEST_F(MetadataServiceTest, ACategoryWithoutALegacyFormGetsNoLegacyMetadata) {
  const DocumentKey legacy{"lora", Format::kLegacy};
  ASSERT_THAT(store_.Commit("external:adopt",
                            {Edit(legacy, {}), Edit({"lora", Format::kV2}, {Put("a", "1")})}),
              IsOk());
  ASSERT_THAT(service_.PopulateMetadata({}), IsOk());
  EXPECT_TRUE(Get("lora").exists());
  EXPECT_FALSE(Get("lora", v1::FORMAT_LEGACY).exists());
}

TEST_F(MetadataServiceTest, PopulationIsLimitedToTheCategoriesOfTheRequest) {
  ASSERT_THAT(store_.Commit("external:adopt",
                            {Edit(kClip, {Put("a", "1")}), Edit(kImages, {Put("x", "1")})}),
              IsOk());
  v1::PopulateMetadataRequest request;
  request.add_categories("image_generation");
  request.add_categories("image_generation");
  const auto done = service_.PopulateMetadata(request);
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->total_categories(), 1u);
  EXPECT_FALSE(Get("clip").exists());
  request.add_categories("no_such");
  EXPECT_THAT(service_.PopulateMetadata(request).status(), HasReason("CATEGORY_NOT_FOUND"));
  for (int i = 0; i < 300; ++i) request.add_categories("clip");
  EXPECT_THAT(service_.PopulateMetadata(request).status(), HasReason("BAD_FIELD"));
}

TEST_F(MetadataServiceTest, ADamagedCategoryIsToldAndDoesNotStopTheOthers) {
  ASSERT_THAT(store_.Commit("external:adopt", {Edit(kImages, {Put("x", "1")})}), IsOk());
  store_.SetDamage(kClip, absl::DataLossError(std::string(2000, 'x')));
  const auto done = service_.PopulateMetadata(v1::PopulateMetadataRequest());
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->total_models_updated(), 1u);
  for (const v1::CategoryPopulation& result : done->results()) {
    EXPECT_EQ(result.error().empty(), result.category() != "clip");
    EXPECT_LE(result.error().size(), 512u);
  }
}

TEST_F(MetadataServiceTest, PopulatingAtTheStartFillsEverythingIn) {
  ASSERT_THAT(store_.Commit("external:adopt", {Edit(kImages, {Put("x", "1")})}), IsOk());
  PopulateAtStart(service_);
  EXPECT_TRUE(Get("image_generation").exists());
}

class ReplicaMetadataTest : public MetadataServiceTest {
 protected:
  ReplicaMetadataTest() : MetadataServiceTest({false, "primary:50051"}) {}
};

TEST_F(ReplicaMetadataTest, AReplicaKeepsNone) {
  v1::GetCategoryMetadataRequest get;
  get.set_category("clip");
  EXPECT_THAT(service_.GetCategoryMetadata(get).status(), HasReason("METADATA_NOT_SUPPORTED"));
  EXPECT_THAT(service_.ListCategoryMetadata({}).status(), HasReason("METADATA_NOT_SUPPORTED"));
  EXPECT_THAT(service_.GetLastUpdated({}).status(), HasReason("METADATA_NOT_SUPPORTED"));
  const absl::Status populate = service_.PopulateMetadata({}).status();
  EXPECT_THAT(populate, HasReason("READ_ONLY_REPLICA"));
  EXPECT_EQ(ExtrasOf(populate).metadata.at("primary"), "primary:50051");
}

}  // namespace
}  // namespace modelref

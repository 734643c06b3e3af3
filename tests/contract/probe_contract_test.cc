// What every VersionProbe, HealthProbe and StatisticsSource keeps (backend.h).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/contract/backend_harness.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::DocumentJson;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;
using ::testing::Each;
using ::testing::Field;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const DocumentKey kV2{"image_generation", Format::kV2};
const DocumentKey kLegacy{"image_generation", Format::kLegacy};

class ProbeContractTest : public ::testing::TestWithParam<HarnessMaker> {
 protected:
  absl::StatusOr<SnapshotPtr> Fetch(const DocumentKey& key) {
    return source_->backend().Fetch(key, FetchMode::kBypassCaches);
  }
  const std::unique_ptr<BackendHarness> source_ = GetParam().make();
};

class VersionProbeContractTest : public ProbeContractTest {};

TEST_P(VersionProbeContractTest, NamesTheVersionOfWhatAFetchReturns) {
  for (const DocumentKey& key : {kV2, kLegacy}) {
    source_->Set(key, DocumentJson({"a"}));
    ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Fetch(key));
    EXPECT_THAT(source_->versions()->CurrentVersion(key), IsOkAndHolds(snapshot->version));
    EXPECT_THAT(source_->versions()->CurrentVersion(key), IsOkAndHolds(snapshot->version));
  }
}

TEST_P(VersionProbeContractTest, NamesAnotherVersionAfterAChangeOfTheSameSize) {
  source_->Set(kV2, DocumentJson({"a"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Fetch(kV2));
  source_->Set(kV2, DocumentJson({"b"}));
  EXPECT_THAT(source_->versions()->CurrentVersion(kV2), IsOkAndHolds(Not(snapshot->version)));
}

TEST_P(VersionProbeContractTest, AMissingDocumentIsNotFound) {
  EXPECT_THAT(source_->versions()->CurrentVersion(kV2), StatusIs(absl::StatusCode::kNotFound));
}

class HealthProbeContractTest : public ProbeContractTest {
 protected:
  std::vector<std::string> Broken() {
    std::vector<std::string> broken;
    for (const HealthReport& report : source_->health()->CheckHealth()) {
      EXPECT_FALSE(report.name.empty());
      if (!report.status.ok()) broken.push_back(report.name);
    }
    return broken;
  }
};

TEST_P(HealthProbeContractTest, ASourceThatWorksIsHealthyAndSaysWhatItChecked) {
  source_->Set(kV2, DocumentJson({"a"}));
  ASSERT_THAT(Fetch(kV2), IsOk());
  const std::vector<HealthReport> reports = source_->health()->CheckHealth();
  ASSERT_FALSE(reports.empty());
  EXPECT_THAT(reports, Each(Field(&HealthReport::status, IsOk())));
}

TEST_P(HealthProbeContractTest, ADamagedDocumentIsReportedByNameUntilItHeals) {
  source_->Set(kV2, "{");
  EXPECT_THAT(Fetch(kV2), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Broken(), UnorderedElementsAre("document image_generation/v2"));
  source_->Set(kV2, DocumentJson({"a"}));
  EXPECT_THAT(Fetch(kV2), IsOk());
  EXPECT_THAT(Broken(), SizeIs(0));
}

TEST_P(HealthProbeContractTest, AMissingDocumentIsNotASickness) {
  EXPECT_THAT(Fetch(kV2), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Broken(), SizeIs(0));
}

class StatisticsContractTest : public ProbeContractTest {};

TEST_P(StatisticsContractTest, CountsFetchesErrorsBytesAndLatency) {
  const BackendStatistics before = source_->statistics()->Statistics();
  source_->Set(kV2, DocumentJson({"a"}));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, Fetch(kV2));
  EXPECT_THAT(Fetch(kLegacy), Not(IsOk()));
  const BackendStatistics after = source_->statistics()->Statistics();
  EXPECT_FALSE(after.name.empty());
  EXPECT_EQ(after.fetches, before.fetches + 2);
  EXPECT_EQ(after.errors, before.errors + 1);
  EXPECT_EQ(after.bytes, before.bytes + snapshot->source_bytes);
  EXPECT_THAT(after.latency_counts, SizeIs(std::size(kLatencyBoundsSeconds) + 1));
  uint64_t measured = 0;
  for (const uint64_t count : after.latency_counts) measured += count;
  EXPECT_EQ(measured, 2u);
}

using Capability = std::function<bool(BackendHarness&)>;

std::vector<HarnessMaker> BackendsWith(const Capability& has) {
  std::vector<HarnessMaker> makers;
  for (const HarnessMaker& maker : AllBackends()) {
    if (has(*maker.make())) makers.push_back(maker);
  }
  return makers;
}

std::string NameOf(const ::testing::TestParamInfo<HarnessMaker>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Everywhere, VersionProbeContractTest,
                         ::testing::ValuesIn(BackendsWith([](BackendHarness& harness) {
                           return harness.versions() != nullptr;
                         })),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Everywhere, HealthProbeContractTest,
                         ::testing::ValuesIn(BackendsWith([](BackendHarness& harness) {
                           return harness.health() != nullptr;
                         })),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Everywhere, StatisticsContractTest,
                         ::testing::ValuesIn(BackendsWith([](BackendHarness& harness) {
                           return harness.statistics() != nullptr;
                         })),
                         NameOf);

}  // namespace
}  // namespace modelref

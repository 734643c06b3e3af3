// Limits, odd files, threads and what the backend tells of itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/backends/filesystem_backend_fixture.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using FileSystemBackendErrorsTest = ::modelref::testing::FileSystemBackendFixture;
using ::modelref::testing::DocumentJson;
using ::modelref::testing::Event;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::NamesOf;
using ::modelref::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

TEST_F(FileSystemBackendErrorsTest, AFileBeyondTheLimitIsDataLossWithBothSizes) {
  dir_.Write("clip.json", DocumentJson({"a"}));
  Make({.document_bytes = 10});
  EXPECT_THAT(V2("clip"), AllOf(StatusIs(kDataLoss, HasSubstr("the limit is 10")),
                                HasReason("DOCUMENT_DAMAGED")));
}

TEST_F(FileSystemBackendErrorsTest, TheLimitsOfRecordsApply) {
  dir_.Write("clip.json", R"({"small": {}, "large": {"x": "0123456789"}, "deep": {"y": [[]]}})");
  Make({.limits = {.record_bytes = 12, .record_depth = 2}});
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, V2("clip"));
  EXPECT_THAT(NamesOf(*snapshot->document), ElementsAre("small"));
  EXPECT_THAT(snapshot->problems,
              ElementsAre(RecordProblem{"large", 1, "larger than 12 bytes",
                                        R"("large": {"x": "0123456789"})", "small"},
                          RecordProblem{"deep", 1, "nested more than 2 levels deep",
                                        R"("deep": {"y": [[]]})", "small"}));
}

TEST_F(FileSystemBackendErrorsTest, AFifoInPlaceOfADocumentIsDataLossAndDoesNotBlock) {
  ASSERT_EQ(mkfifo(dir_.PathOf("clip.json").c_str(), 0600), 0);
  EXPECT_THAT(V2("clip"),
              AllOf(StatusIs(kDataLoss, HasSubstr("is a FIFO")), HasReason("DOCUMENT_DAMAGED")));
}

TEST_F(FileSystemBackendErrorsTest, AnErrorOfTheSystemIsUnavailable) {
  // Stands for missing permissions, which do not bind a test that runs as root.
  ASSERT_EQ(symlink("clip.json", dir_.PathOf("clip.json").c_str()), 0);
  EXPECT_THAT(V2("clip"), AllOf(StatusIs(kUnavailable), HasReason("SOURCE_UNREACHABLE")));
  EXPECT_THAT(Backend().CurrentVersion({"clip", Format::kV2}), StatusIs(kUnavailable));
}

TEST_F(FileSystemBackendErrorsTest, AnAsynchronousFetchGivesWhatABlockingOneDoes) {
  dir_.Write("clip.json", DocumentJson({"a"}));
  Event done;
  absl::StatusOr<SnapshotPtr> answer = absl::UnknownError("not answered");
  Backend().FetchAsync({"clip", Format::kV2}, FetchMode::kBypassCaches,
                       [&](absl::StatusOr<SnapshotPtr> snapshot) {
                         answer = std::move(snapshot);
                         done.Set();
                       });
  ASSERT_TRUE(done.Wait());
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr blocking, V2("clip"));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ((*answer)->version, blocking->version);
  EXPECT_EQ((*answer)->document->etag(), blocking->document->etag());
}

TEST_F(FileSystemBackendErrorsTest, AnAsynchronousFetchAfterShutdownIsAnsweredAtOnce) {
  Backend();
  executor_.Shutdown();
  absl::Status answer;
  Backend().FetchAsync({"clip", Format::kV2}, FetchMode::kAllowCaches,
                       [&](absl::StatusOr<SnapshotPtr> snapshot) { answer = snapshot.status(); });
  EXPECT_THAT(answer, AllOf(StatusIs(kUnavailable), HasReason("SHUTTING_DOWN")));
}

TEST_F(FileSystemBackendErrorsTest, HealthNamesDamagedDocumentsUntilTheyHeal) {
  dir_.Write("clip.json", "garbage");
  EXPECT_EQ(V2("blip").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(V2("clip"), StatusIs(kDataLoss));
  std::vector<HealthReport> reports = Backend().CheckHealth();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].name, "data_dir");
  EXPECT_THAT(reports[0].status, IsOk());
  EXPECT_EQ(reports[1].name, "document clip/v2");
  EXPECT_THAT(reports[1].status, StatusIs(kDataLoss));

  dir_.Write("clip.json", "{}");
  EXPECT_THAT(V2("clip"), IsOk());
  EXPECT_EQ(Backend().CheckHealth().size(), 1u);
}

TEST_F(FileSystemBackendErrorsTest, HealthTellsWhenTheDirectoryIsGone) {
  Backend();
  dir_.Remove("");
  const std::vector<HealthReport> reports = Backend().CheckHealth();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_THAT(reports[0].status, StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FileSystemBackendErrorsTest, StatisticsCountFetchesErrorsAndBytes) {
  const std::string text = R"({ "a" : {} })";
  dir_.Write("clip.json", text);
  dir_.Write("blip.json", "garbage");
  EXPECT_THAT(V2("clip"), IsOk());
  EXPECT_THAT(V2("blip"), StatusIs(kDataLoss));
  const BackendStatistics statistics = Backend().Statistics();
  EXPECT_EQ(statistics.name, "filesystem");
  EXPECT_EQ(statistics.fetches, 2u);
  EXPECT_EQ(statistics.errors, 1u);
  EXPECT_EQ(statistics.bytes, text.size());
}

}  // namespace
}  // namespace modelref

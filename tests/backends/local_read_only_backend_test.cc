// A directory read without network and without writing to it (H 3.7; H 7: 118).

#include "backends/local_read_only_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::DocumentJson;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::NamesOf;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr FetchMode kAllow = FetchMode::kAllowCaches;

class LocalReadOnlyBackendTest : public ::testing::Test {
 protected:
  static FileSystemBackend::Options FileOptions(const testing::TempDir& dir) {
    FileSystemBackend::Options options;
    options.data_dir = dir.path();
    return options;
  }
  std::vector<std::string> Names(const DocumentKey& key) {
    const absl::StatusOr<SnapshotPtr> snapshot = local_.reader->Fetch(key, kAllow);
    EXPECT_THAT(snapshot, IsOk());
    return snapshot.ok() ? NamesOf(*(*snapshot)->document) : std::vector<std::string>();
  }

  const DocumentKey kV2{"image_generation", Format::kV2};
  const DocumentKey kText{"text_generation", Format::kLegacy};

  testing::TempDir dir_;
  testing::FakeClock clock_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  Executor executor_{Executor::Options{.threads = 1}};
  Backends local_ =
      MakeLocalReadOnlyBackend(FileOptions(dir_), absl::Seconds(60), registry_, clock_, executor_);
};

TEST_F(LocalReadOnlyBackendTest, ReadsTheDirectoryAndMissingIsNotFound) {
  EXPECT_THAT(local_.reader->Fetch(kV2, kAllow), StatusIs(absl::StatusCode::kNotFound));
  dir_.Write("stable_diffusion.json", DocumentJson({"a"}));
  EXPECT_THAT(Names(kV2), ElementsAre("a"));
}

TEST_F(LocalReadOnlyBackendTest, AChangedFileIsSeenAtTheNextRead) {
  dir_.Write("stable_diffusion.json", DocumentJson({"a"}));
  EXPECT_THAT(Names(kV2), ElementsAre("a"));
  dir_.Write("stable_diffusion.json", DocumentJson({"b"}));
  EXPECT_THAT(Names(kV2), ElementsAre("b"));
}

TEST_F(LocalReadOnlyBackendTest, AnUnchangedFileIsReadOnce) {
  dir_.Write("stable_diffusion.json", DocumentJson({"a"}));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Names(kV2), ElementsAre("a"));
  EXPECT_EQ(local_.statistics.back()->Statistics().fetches, 1u);
}

// W-C19: the original answers null.
TEST_F(LocalReadOnlyBackendTest, TextModelsInLegacyFormAreReadFromModelsCsv) {
  dir_.Write("legacy/models.csv",
             "name,parameters_bn,display_name,url,baseline,description,style,tags,"
             "instruct_format,settings\n"
             "Org/Small,3,,,,,,,,\n");
  EXPECT_THAT(Names(kText), ElementsAre("Org/Small", "aphrodite/Org/Small", "koboldcpp/Small"));
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr text, local_.reader->Fetch(kText, kAllow));
  EXPECT_EQ(text->source_text->substr(0, 16), "{\n  \"Org/Small\":");
}

TEST_F(LocalReadOnlyBackendTest, NothingIsWrittenToTheDirectory) {
  local_.cache->WarmCache();
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(LocalReadOnlyBackendTest, AFileThatLosesEverythingDoesNotEmptyTheCategory) {
  for (const char* damage : {"", "{}", "{\"a\":"}) {
    dir_.Write("stable_diffusion.json", DocumentJson({"a"}));
    clock_.Advance(absl::Seconds(2));
    EXPECT_THAT(Names(kV2), ElementsAre("a"));
    dir_.Write("stable_diffusion.json", damage);
    ASSERT_OK_AND_ASSIGN(const CachedSnapshot got, local_.cache->FetchWithState(kV2, kAllow));
    EXPECT_THAT(NamesOf(*got.snapshot->document), ElementsAre("a")) << damage;
    EXPECT_TRUE(got.stale);
    EXPECT_THAT(got.last_error, StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST_F(LocalReadOnlyBackendTest, ItsCapabilitiesAreThoseOfFilesAndACache) {
  EXPECT_TRUE(local_.supports_cache_warming());
  EXPECT_TRUE(local_.supports_health_checks());
  EXPECT_TRUE(local_.supports_statistics());
  ASSERT_NE(local_.file_paths, nullptr);
  EXPECT_EQ(local_.file_paths->PathOf(kV2), dir_.PathOf("stable_diffusion.json"));
}

}  // namespace
}  // namespace modelref

#include "service/store/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "audit/verify.h"
#include "backends/base/clock.h"
#include "tests/service/store/edits.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::Put;
using ::modelref::testing::TempDir;

class DataDirectoryTest : public ::testing::Test {
 protected:
  std::unique_ptr<DataDirectory> Open(bool read_only = false) {
    DataDirectory::Options options;
    options.backends.data_dir = dir_.path();
    options.backends.offline = read_only;
    options.read_only = read_only;
    auto data = DataDirectory::Open(options, registry_, RealClock(), executor_);
    EXPECT_TRUE(data.ok()) << data.status();
    if (!data.ok()) return nullptr;
    EXPECT_THAT((*data)->Start(), IsOk());
    return *std::move(data);
  }
  template <typename Condition>
  static bool Soon(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      Pause(absl::Milliseconds(10));
    }
    return false;
  }

  TempDir dir_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  Executor executor_{Executor::Options{}};
};

TEST_F(DataDirectoryTest, CommitsReachTheFileAndTheAuditTrail) {
  {
    const auto data = Open();
    ASSERT_NE(data, nullptr);
    ASSERT_GT(CommitTo(data->store(), Edit(kClip, {Put("a", "1")})), 0u);
    EXPECT_THAT(data->projector()->Settle(), IsOk());
    EXPECT_THAT(data->Stop(), IsOk());
  }
  EXPECT_EQ(dir_.Read("clip.json"), "{\n  \"a\": {\n    \"v\": \"1\"\n  }\n}");
  ASSERT_OK_AND_ASSIGN(const AuditVerification verified,
                       VerifyAudit(dir_.PathOf("audit"), [](const auto&) { return true; }));
  EXPECT_TRUE(verified.intact());
  EXPECT_EQ(verified.checked_events, 1u);
}

TEST_F(DataDirectoryTest, AnEditIsImportedAndTheFileBroughtIntoOurForm) {
  const auto data = Open();
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  EXPECT_TRUE(
      Soon([&] { return data->store().root()->Find(kClip)->document->Find("a") != nullptr; }));
  EXPECT_TRUE(
      Soon([&] { return dir_.Read("clip.json") == "{\n  \"a\": {\n    \"v\": \"1\"\n  }\n}"; }));
  const uint64_t revision = data->store().root()->revision;
  Pause(absl::Milliseconds(1500));
  EXPECT_EQ(data->store().root()->revision, revision);
}

TEST_F(DataDirectoryTest, TwoMayBeOpenAndTheSecondTakesOver) {
  auto first = Open();
  const auto second = Open();
  EXPECT_TRUE(first->projector()->is_holder());
  EXPECT_FALSE(second->projector()->is_holder());
  ASSERT_GT(CommitTo(second->store(), Edit(kClip, {Put("a", "1")})), 0u);
  EXPECT_TRUE(Soon([&] { return dir_.Exists("clip.json"); }));
  first.reset();
  EXPECT_TRUE(Soon([&] { return second->projector()->is_holder(); }));
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}, \"b\": {\"v\": \"2\"}}");
  EXPECT_TRUE(
      Soon([&] { return second->store().root()->Find(kClip)->document->Find("b") != nullptr; }));
}

TEST_F(DataDirectoryTest, OneThatIsOnlyReadGetsNothingWrittenIntoIt) {
  dir_.Write("clip.json", "{\"a\": {\"v\": \"1\"}}");
  const auto data = Open(true);
  EXPECT_EQ(data->projector(), nullptr);
  EXPECT_NE(data->store().root()->Find(kClip)->document->Find("a"), nullptr);
  EXPECT_FALSE(dir_.Exists(".modelref"));
}

TEST_F(DataDirectoryTest, OneThatCannotBeWrittenIsRefusedWithAReason) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  std::filesystem::permissions(
      dir_.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  DataDirectory::Options options;
  options.backends.data_dir = dir_.path();
  EXPECT_THAT(DataDirectory::Open(options, registry_, RealClock(), executor_),
              HasReason("READ_ONLY_DIRECTORY"));
  std::filesystem::permissions(dir_.path(), std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace modelref

// Category files that cannot be written for a while: an I/O error at each step, a right that is
// missing. It is told, tried again and heals, and nothing that somebody wrote there is lost.

#include <sys/fsuid.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "backends/base/failpoint.h"
#include "tests/service/store/file_writer_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FileWriterTest;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::Put;
using ::modelref::testing::StatusIs;
using ::testing::SizeIs;

// What the layer below says of EIO.
absl::Status IoError() { return ErrnoStatus(EIO, "fsync", "the file"); }

class FileWriterIoErrorTest : public FileWriterTest,
                              public ::testing::WithParamInterface<const char*> {
 protected:
  // Files that a rewrite left beside the public ones.
  size_t CountTemporaryFiles() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      count += absl::StrContains(entry.path().filename().string(), ".tmp.") ? 1 : 0;
    }
    return count;
  }
};

TEST_P(FileWriterIoErrorTest, IsToldTriedAgainAndHealsAndLosesNoEdit) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  dir_.Write("clip.json", FileOf("by hand", "1"));
  {
    const ScopedFailpoint fails(GetParam(), IoError);
    for (int i = 0; i < 3; ++i) {
      EXPECT_THAT(writer_->Settle(now_), StatusIs(absl::StatusCode::kUnavailable));
      EXPECT_THAT(writer_->failures(), SizeIs(1));
      const std::string present = dir_.Read("clip.json");
      EXPECT_TRUE(present == FileOf("by hand", "1") || present == FileOf("a", "2")) << present;
    }
  }
  EXPECT_EQ(writer_->statistics().failures, 3u);
  EXPECT_EQ(writer_->Step(now_ + absl::Seconds(30)), absl::InfiniteFuture());
  EXPECT_TRUE(writer_->failures().empty());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "2"));
  ASSERT_THAT(imported_, SizeIs(1));
  EXPECT_EQ(imported_[0].bytes, FileOf("by hand", "1"));
  EXPECT_EQ(CountTemporaryFiles(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Steps, FileWriterIoErrorTest,
                         ::testing::Values("file.after_temp", "file.after_fsync",
                                           "file.after_exchange", "file.after_dir_fsync",
                                           "projector.after_file"),
                         [](const auto& step) {
                           std::string name = step.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// Otherwise a power failure could bring back the file of before, as if somebody had typed it.
TEST_F(FileWriterTest, AFileCountsAsWrittenOnlyOnceItsFolderIsSynced) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  {
    const ScopedFailpoint fails("file.after_exchange", IoError);
    EXPECT_THAT(writer_->Settle(now_), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "1"));
    EXPECT_THAT(writer_->Settle(now_), StatusIs(absl::StatusCode::kUnavailable))
        << "it stands there, but nobody knows for how long";
    EXPECT_FALSE(Known(kClip).file.has_value());
  }
  int syncs = 0;
  const ScopedFailpoint counts("file.after_dir_fsync", [&syncs] {
    ++syncs;
    return absl::OkStatus();
  });
  EXPECT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(syncs, 1);
  EXPECT_TRUE(Known(kClip).file.has_value());
}

// Takes the right to write into a folder away from the calling thread.
class WithoutRights {
 public:
  explicit WithoutRights(const std::string& folder) : folder_(folder) {
    geteuid() == 0 ? void(setfsuid(kNobody)) : Allow(std::filesystem::perms::owner_write, false);
  }
  ~WithoutRights() {
    geteuid() == 0 ? void(setfsuid(0)) : Allow(std::filesystem::perms::owner_write, true);
  }

 private:
  static constexpr uid_t kNobody = 65534;
  void Allow(std::filesystem::perms right, bool allowed) {
    std::filesystem::permissions(
        folder_, right,
        allowed ? std::filesystem::perm_options::add : std::filesystem::perm_options::remove);
  }
  const std::string folder_;
};

TEST_F(FileWriterTest, AFolderWithoutTheRightToWriteHealsOnceTheRightIsGiven) {
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  // Readers, the editor included, may still use it.
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "2")}));
  {
    const WithoutRights without(dir_.PathOf("legacy"));
    EXPECT_THAT(writer_->Settle(now_), StatusIs(absl::StatusCode::kPermissionDenied));
    EXPECT_THAT(writer_->failures(), SizeIs(1));
    EXPECT_EQ(writer_->Step(now_ + absl::Seconds(1)), now_ + absl::Seconds(3));
    EXPECT_EQ(dir_.Read("legacy/clip.json"), FileOf("a", "1"));
  }
  EXPECT_EQ(writer_->Step(now_ + absl::Seconds(3)), absl::InfiniteFuture());
  EXPECT_EQ(dir_.Read("legacy/clip.json"), FileOf("a", "2"));
  EXPECT_TRUE(writer_->failures().empty());
  EXPECT_TRUE(imported_.empty());
}

}  // namespace
}  // namespace modelref

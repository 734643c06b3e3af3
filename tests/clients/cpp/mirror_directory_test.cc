#include "clients/cpp/mirror_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "backends/base/failpoint.h"
#include "clients/cpp/mirror_file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

MirrorCopy CopyOf(const std::string& category, const std::string& value, uint64_t revision = 5) {
  MirrorCopy copy;
  copy.key = {category, Format::kV2};
  copy.document = MirrorDocument::Empty()->Apply({}, {MakeMirrorRecord("m", value)});
  copy.mod_revision = revision;
  copy.revision = revision;
  copy.epoch = std::string(16, 'e');
  return copy;
}

class MirrorDirectoryTest : public ::testing::Test {
 protected:
  std::unique_ptr<MirrorDirectory> MustOpen() {
    absl::StatusOr<std::unique_ptr<MirrorDirectory>> directory = MirrorDirectory::Open(path_);
    EXPECT_THAT(directory, IsOk());
    return directory.ok() ? *std::move(directory) : nullptr;
  }

  TempDir dir_;
  const std::string path_ = dir_.PathOf("a/copy");
};

TEST_F(MirrorDirectoryTest, FolderIsMadeAndWhatWasSavedIsRead) {
  EXPECT_TRUE(ReadMirrorDirectory(path_).copies.empty());
  const auto directory = MustOpen();
  ASSERT_THAT(directory->Save(CopyOf("clip", "1")), IsOk());
  ASSERT_THAT(directory->Save(CopyOf("esrgan", "2")), IsOk());
  ASSERT_THAT(directory->Save(CopyOf("clip", "3")), IsOk());
  ASSERT_THAT(directory->Save(CopyOf("gone", "4")), IsOk());
  ASSERT_THAT(directory->Remove({"gone", Format::kV2}), IsOk());
  EXPECT_THAT(directory->Remove({"gone", Format::kV2}), IsOk());
  const MirrorContent content = ReadMirrorDirectory(path_);
  ASSERT_EQ(content.copies.size(), 2u);
  EXPECT_EQ(content.copies[0].key.category, "clip");
  EXPECT_EQ(content.copies[0].document->Find("m")->json, "3");
  EXPECT_TRUE(content.refused.empty());
  EXPECT_THAT(content.manifest, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(directory->Files().size(), 2u);
}

TEST_F(MirrorDirectoryTest, ManifestTellsForHowLongAFileWasTheNewest) {
  const auto directory = MustOpen();
  ASSERT_THAT(directory->Save(CopyOf("clip", "1", 5)), IsOk());
  ASSERT_THAT(directory->Save(CopyOf("esrgan", "2", 5)), IsOk());
  MirrorManifest manifest;
  manifest.revision = 90;
  manifest.documents = {ManifestEntryOf(CopyOf("clip", "1", 80)),
                        ManifestEntryOf(CopyOf("esrgan", "another", 80))};
  ASSERT_THAT(directory->SaveManifest(manifest), IsOk());
  const MirrorContent content = ReadMirrorDirectory(path_);
  ASSERT_THAT(content.manifest, IsOk());
  EXPECT_EQ(content.manifest->revision, 90u);
  EXPECT_EQ(content.copies[0].revision, 80u);
  EXPECT_EQ(content.copies[1].revision, 5u);
}

TEST_F(MirrorDirectoryTest, OneWriterAtATime) {
  auto first = MustOpen();
  EXPECT_THAT(MirrorDirectory::Open(path_), HasReason("COPY_IN_USE"));
  first.reset();
  EXPECT_THAT(MirrorDirectory::Open(path_), IsOk());
}

TEST_F(MirrorDirectoryTest, DamagedMisplacedAndUnreadableFilesAreRefusedByName) {
  const auto directory = MustOpen();
  for (const char* category : {"clip", "esrgan", "gfpgan", "codeformer"}) {
    ASSERT_THAT(directory->Save(CopyOf(category, "1")), IsOk());
  }
  const std::string good = dir_.Read("a/copy/clip.v2.json");
  dir_.Write("a/copy/clip.v2.json", good.substr(0, good.size() / 2));
  dir_.Write("a/copy/esrgan.v2.json", good);
  dir_.Remove("a/copy/gfpgan.v2.json");
  ASSERT_EQ(mkdir(dir_.PathOf("a/copy/gfpgan.v2.json").c_str(), 0755), 0);
  const MirrorContent content = ReadMirrorDirectory(path_);
  ASSERT_EQ(content.copies.size(), 1u);
  EXPECT_EQ(content.copies[0].key.category, "codeformer");
  ASSERT_EQ(content.refused.size(), 3u);
  EXPECT_EQ(content.refused[0].file, "clip.v2.json");
  EXPECT_THAT(content.refused[0].why, HasReason(kDamagedCopy));
  EXPECT_EQ(content.refused[1].file, "esrgan.v2.json");
  EXPECT_THAT(content.refused[1].why, HasReason(kDamagedCopy));
  EXPECT_FALSE(content.refused[2].why.ok());
}

TEST_F(MirrorDirectoryTest, NameFromAServerDoesNotLeadOutOfTheFolder) {
  const auto directory = MustOpen();
  EXPECT_THAT(directory->Save(CopyOf("../escaped", "1")),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(directory->Remove({"../../x", Format::kV2}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(dir_.Exists("a/escaped.v2.json"));
}

TEST_F(MirrorDirectoryTest, WriteThatFailsLeavesTheFileBefore) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "not run: failpoints are compiled out";
  const auto directory = MustOpen();
  ASSERT_THAT(directory->Save(CopyOf("clip", "1")), IsOk());
  for (const char* point : {"file.after_temp", "file.after_fsync"}) {
    const ScopedFailpoint full(point, absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(directory->Save(CopyOf("clip", "2")),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(full.hits(), 1);
  }
  const MirrorContent content = ReadMirrorDirectory(path_);
  ASSERT_EQ(content.copies.size(), 1u);
  EXPECT_EQ(content.copies[0].document->Find("m")->json, "1");
}

TEST_F(MirrorDirectoryTest, FolderThatCannotBeMadeIsAnError) {
  dir_.Write("file", "in the way");
  EXPECT_FALSE(MirrorDirectory::Open(dir_.PathOf("file/copy")).ok());
}

}  // namespace
}  // namespace modelref

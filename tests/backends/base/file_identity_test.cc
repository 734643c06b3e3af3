#include "backends/base/file_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "backends/base/clock.h"
#include "tests/testing/small_disk.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::SmallDisk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::HasSubstr;

TEST(FileIdentityTest, StaysWithTheFileAndIsNotThatOfItsCopy) {
  TempDir dir;
  dir.Write("f", "x");
  ASSERT_OK_AND_ASSIGN(const FileIdentity identity, IdentifyFile(dir.PathOf("f")));
  std::filesystem::copy_file(dir.PathOf("f"), dir.PathOf("copy"));
  std::filesystem::rename(dir.PathOf("f"), dir.PathOf("moved"));
  EXPECT_THAT(IdentifyFile(dir.PathOf("moved")), testing::IsOkAndHolds(identity));
  ASSERT_OK_AND_ASSIGN(const FileIdentity copy, IdentifyFile(dir.PathOf("copy")));
  EXPECT_NE(copy, identity);
  EXPECT_EQ(copy.device, identity.device);
}

TEST(FileIdentityTest, IsWhatStatSays) {
  TempDir dir;
  struct stat info;
  ASSERT_EQ(stat(dir.path().c_str(), &info), 0);
  ASSERT_OK_AND_ASSIGN(const FileIdentity identity, IdentifyFile(dir.path()));
  EXPECT_EQ(identity.inode, info.st_ino);
  EXPECT_EQ(identity.device, info.st_dev);
}

TEST(FileIdentityTest, TheBirthTimeIsThatOfItsCreationWhereItIsKept) {
  TempDir dir;
  const absl::Time before = RealClock().TimeNow() - absl::Seconds(1);  // The kernel's clock ticks.
  dir.Write("f", "x");
  ASSERT_OK_AND_ASSIGN(const FileIdentity identity, IdentifyFile(dir.PathOf("f")));
  if (!identity.birth.has_value()) GTEST_SKIP() << "this file system keeps no birth times";
  EXPECT_GE(*identity.birth, before);
  EXPECT_LE(*identity.birth, RealClock().TimeNow() + absl::Seconds(1));
  // Writing in place changes neither.
  std::filesystem::resize_file(dir.PathOf("f"), 100);
  EXPECT_THAT(IdentifyFile(dir.PathOf("f")), testing::IsOkAndHolds(identity));
}

TEST(FileIdentityTest, AMissingFileIsNotFound) {
  TempDir dir;
  EXPECT_THAT(IdentifyFile(dir.PathOf("none")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(dir.PathOf("none"))));
}

TEST(NetworkFileSystemTest, TheTypesOfSharedDisksAreKnown) {
  for (const uint64_t type : {0x6969u, 0x517Bu, 0xFF534D42u, 0xFE534D42u, 0x65735546u, 0x01021997u,
                              0x00C36400u, 0x0BD00BD0u, 0x5346414Fu}) {
    EXPECT_TRUE(IsNetworkFileSystemType(type)) << std::hex << type;
  }
  // ext4, xfs, btrfs, tmpfs, overlayfs, zfs, f2fs.
  for (const uint64_t type : {0xEF53u, 0x58465342u, 0x9123683Eu, 0x01021994u, 0x794C7630u,
                              0x2FC12FC1u, 0xF2F52010u, 0u}) {
    EXPECT_FALSE(IsNetworkFileSystemType(type)) << std::hex << type;
  }
}

TEST(NetworkFileSystemTest, ALocalDiskIsNoneAndAMissingPathCannotBeTold) {
  SmallDisk disk(1 << 16);
  if (!disk.is_mounted()) GTEST_SKIP() << disk.why_not();
  EXPECT_FALSE(IsNetworkFileSystem(disk.path()));
  EXPECT_FALSE(IsNetworkFileSystem(disk.folder().PathOf("none")));
}

}  // namespace
}  // namespace modelref

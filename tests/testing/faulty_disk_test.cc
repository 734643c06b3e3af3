#include "tests/testing/faulty_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

namespace modelref::testing {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsSubsetOf;
using ::testing::Optional;

constexpr char kFile[] = "/d/f";
constexpr int kSeeds = 500;

// What the file may hold after a crash, "(gone)" when it is not there.
std::set<std::string> Outcomes(const FaultyDisk& disk, const std::string& path = kFile) {
  std::set<std::string> outcomes;
  for (int seed = 0; seed < kSeeds; ++seed) {
    outcomes.insert(disk.AfterCrash(static_cast<uint64_t>(seed)).at(path).value_or("(gone)"));
  }
  return outcomes;
}

FaultyDisk DiskWith(const std::string& bytes) {
  FaultyDisk disk;
  disk.Load(kFile, bytes);
  return disk;
}

TEST(FaultyDiskTest, WhatIsSyncedStays) {
  FaultyDisk disk;
  disk.Create(kFile);
  disk.Write(kFile, 0, "abc");
  disk.Write(kFile, 1, "X");
  disk.Truncate(kFile, 2);
  disk.Sync(kFile);
  EXPECT_THAT(Outcomes(disk), ElementsAre("aX"));
}

TEST(FaultyDiskTest, WhatIsNotSyncedIsForgottenBySeedZero) {
  FaultyDisk disk = DiskWith("abc");
  disk.Write(kFile, 0, "XYZ123");
  disk.Truncate(kFile, 1);
  EXPECT_THAT(disk.AfterCrash(0).at(kFile), Optional(std::string("abc")));
}

TEST(FaultyDiskTest, AnyPartOfWhatIsNotSyncedMayStay) {
  FaultyDisk disk = DiskWith("....");
  disk.Write(kFile, 0, "AB");
  disk.Write(kFile, 2, "CD");
  EXPECT_THAT(Outcomes(disk),
              ElementsAre("....", "..C.", "..CD", "A...", "A.C.", "A.CD", "AB..", "ABC.", "ABCD"));
}

TEST(FaultyDiskTest, ALaterWriteMayStayWithoutTheOneThatMadeRoomForIt) {
  FaultyDisk disk = DiskWith("");
  disk.Write(kFile, 0, "A");
  disk.Write(kFile, 1, "B");
  EXPECT_THAT(Outcomes(disk), Contains(std::string("\0B", 2)));
}

TEST(FaultyDiskTest, ATruncationThatIsNotSyncedMayBeUndone) {
  FaultyDisk disk = DiskWith("abc");
  disk.Truncate(kFile, 1);
  EXPECT_THAT(Outcomes(disk), ElementsAre("a", "abc"));
}

TEST(FaultyDiskTest, AFileThatWasNeverSyncedMayBeGone) {
  FaultyDisk disk;
  disk.Create(kFile);
  disk.Write(kFile, 0, "A");
  EXPECT_THAT(Outcomes(disk), ElementsAre("", "(gone)", "A"));
  EXPECT_EQ(disk.AfterCrash(0).at(kFile), std::nullopt);
}

TEST(FaultyDiskTest, ARemovedFileMayComeBackUntilItsFolderIsSynced) {
  FaultyDisk disk = DiskWith("abc");
  disk.Remove(kFile);
  EXPECT_FALSE(disk.Exists(kFile));
  EXPECT_THAT(Outcomes(disk), ElementsAre("(gone)", "abc"));
  disk.SyncFolderOf("/d/other");
  EXPECT_THAT(Outcomes(disk), ElementsAre("(gone)"));
}

TEST(FaultyDiskTest, ANewFileOfTheSameNameMayGiveWayToTheRemovedOne) {
  FaultyDisk disk = DiskWith("old");
  disk.Remove(kFile);
  disk.Create(kFile);
  disk.Write(kFile, 0, "new");
  EXPECT_THAT(Outcomes(disk), Contains("old"));
  EXPECT_THAT(Outcomes(disk), Contains("new"));
  disk.Sync(kFile);
  EXPECT_THAT(Outcomes(disk), ElementsAre("new"));
}

TEST(FaultyDiskTest, TheSyncOfAFolderIsNotThatOfAnother) {
  FaultyDisk disk = DiskWith("abc");
  disk.Remove(kFile);
  disk.SyncFolderOf("/d/sub/f");
  disk.SyncFolderOf("/f");
  EXPECT_THAT(Outcomes(disk), Contains("abc"));
}

TEST(FaultyDiskTest, TheSyncOfAFolderKeepsNoBytes) {
  FaultyDisk disk;
  disk.Create(kFile);
  disk.Write(kFile, 0, "A");
  disk.SyncFolderOf(kFile);
  EXPECT_THAT(Outcomes(disk), ElementsAre("", "A"));
}

TEST(FaultyDiskTest, AFailedSyncIsNotRepairedByALaterOne) {
  FaultyDisk disk = DiskWith("..");
  disk.Write(kFile, 0, "A");
  disk.FailSync(kFile, 0);
  disk.Write(kFile, 1, "B");
  disk.Sync(kFile);
  EXPECT_THAT(Outcomes(disk), ElementsAre(".B"));
}

TEST(FaultyDiskTest, OfAFailedSyncAnyPartMayHaveReachedTheDisk) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    FaultyDisk disk = DiskWith("..");
    disk.Write(kFile, 0, "A");
    disk.Write(kFile, 1, "B");
    disk.FailSync(kFile, seed);
    outcomes.insert(disk.AfterCrash(0).at(kFile).value_or("(gone)"));
  }
  EXPECT_THAT(outcomes, ElementsAre("..", ".B", "A.", "AB"));
}

TEST(FaultyDiskTest, ASeedDecidesEverything) {
  FaultyDisk disk = DiskWith("....");
  for (uint64_t i = 0; i < 4; ++i) disk.Write(kFile, i, "x");
  for (uint64_t seed = 1; seed < 20; ++seed) {
    EXPECT_EQ(disk.AfterCrash(seed), disk.AfterCrash(seed));
  }
}

}  // namespace
}  // namespace modelref::testing

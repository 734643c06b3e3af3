#include "service/store/log_space.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "service/store/store.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/small_disk.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::SmallDisk;
using ::modelref::testing::TempDir;

void Append(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out << bytes;
  ASSERT_TRUE(out.flush());
}

TEST(LogSpaceTest, ZerosFollowWhatIsThereAndNothingElseChanges) {
  TempDir dir;
  Append(dir.PathOf("log"), "what was written");
  LogSpace space(dir.PathOf("log"));
  space.Extend();
  const std::string bytes = dir.Read("log");
  ASSERT_GT(bytes.size(), size_t{64} << 10);
  EXPECT_EQ(bytes.substr(0, 16), "what was written");
  EXPECT_EQ(bytes.find_first_not_of('\0', 16), std::string::npos);
}

TEST(LogSpaceTest, ALogWithRoomIsLeftAloneAndAFilledOneGrowsAgain) {
  TempDir dir;
  Append(dir.PathOf("log"), "x");
  LogSpace space(dir.PathOf("log"));
  space.Extend();
  const size_t size = dir.Read("log").size();
  space.Extend();
  EXPECT_EQ(dir.Read("log").size(), size);
  std::ofstream(dir.PathOf("log"), std::ios::binary) << std::string(size, 'x');
  space.Extend();
  EXPECT_GT(dir.Read("log").size(), size);
}

TEST(LogSpaceTest, ItEndsWhereTheLogBeginsAnew) {
  TempDir dir;
  Append(dir.PathOf("log"), "x");
  constexpr uint64_t kWholeLog = uint64_t{kLogPages} * 4120;
  std::filesystem::resize_file(dir.PathOf("log"), 2 * kWholeLog);
  LogSpace space(dir.PathOf("log"));
  space.Extend();
  EXPECT_EQ(std::filesystem::file_size(dir.PathOf("log")), 2 * kWholeLog);
}

TEST(LogSpaceTest, ALogThatIsNotThereIsNotMade) {
  TempDir dir;
  LogSpace space(dir.PathOf("log"));
  space.Extend();
  EXPECT_FALSE(dir.Exists("log"));
  Append(dir.PathOf("log"), "x");
  space.Extend();
  EXPECT_GT(dir.Read("log").size(), 1u) << "it is looked for again";
  LogSpace("").Extend();
}

TEST(LogSpaceTest, OnAFullDiskTheRoomIsGivenBack) {
  SmallDisk disk(1 << 20);
  if (!disk.is_mounted()) GTEST_SKIP() << disk.why_not();
  const std::string path = disk.folder().PathOf("log");
  Append(path, "x");
  disk.Fill(64 << 10);
  const uint64_t free = disk.FreeBytes();
  LogSpace space(path);
  space.Extend();
  EXPECT_EQ(disk.FreeBytes(), free);
  EXPECT_EQ(disk.folder().Read("log"), "x");
  disk.Heal();
  space.Extend();
  EXPECT_EQ(disk.folder().Read("log"), "x") << "not tried again";
}

TEST(LogSpaceTest, OnlyTheEnginesOwnFilesHaveALog) {
  Store::Options options;
  EXPECT_EQ(LogPathOf(options), "") << "in memory";
  options.directory = "/d";
  EXPECT_EQ(LogPathOf(options), "/d/store.db-wal");
  options.file_layer = "another";
  EXPECT_EQ(LogPathOf(options), "");
}

// What a crash leaves is the files as they are while the store is open.
TEST(LogSpaceTest, AStoreIsWholeAfterACrashWithZerosBehindItsLog) {
  TempDir dir;
  TempDir crashed;
  FakeClock clock;
  Store::Options options;
  options.directory = dir.PathOf(".modelref");
  auto store = Store::Open({kClip}, clock, options);
  ASSERT_THAT(store.status(), IsOk());
  CommitTo(**store, Edit(kClip, PutMany(500, "1")));
  for (int i = 0; i < 100; ++i) {
    CommitTo(**store, Edit(kClip, {Put("a", absl::StrCat(i))}));
    if (i % 20 != 0) continue;
    const std::string log = dir.Read(".modelref/store.db-wal");
    EXPECT_EQ(log.substr(log.size() - 4120).find_first_not_of('\0'), std::string::npos)
        << "no room after commit " << i;
  }
  const RootPtr before = (*store)->root();
  std::filesystem::copy(options.directory, crashed.PathOf(".modelref"),
                        std::filesystem::copy_options::recursive);
  options.directory = crashed.PathOf(".modelref");
  auto reopened = Store::Open({kClip}, clock, options);
  ASSERT_THAT(reopened.status(), IsOk());
  EXPECT_EQ((*reopened)->root()->revision, before->revision);
  EXPECT_EQ((*reopened)->root()->Find(kClip)->document->etag(),
            before->Find(kClip)->document->etag());
}

}  // namespace
}  // namespace modelref

#include "backends/base/durable_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
constexpr uid_t kNobody = 65534;

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

// Writes of this process beyond `bytes` into a file fail with EFBIG while this lives.
class ScopedFileSizeLimit {
 public:
  explicit ScopedFileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit_), 0);
    const struct rlimit limit = {bytes, old_limit_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~ScopedFileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  struct rlimit old_limit_;
  void (*old_handler_)(int);
};

// Permissions do not bind root: it steps down while this lives.
class ScopedUnprivileged {
 public:
  ScopedUnprivileged() : old_(geteuid()), ok_(old_ != 0 || seteuid(kNobody) == 0) {}
  ~ScopedUnprivileged() {
    const bool restored = geteuid() == old_ || seteuid(old_) == 0;
    EXPECT_TRUE(restored) << errno;
  }
  bool ok() const { return ok_; }

 private:
  const uid_t old_;
  const bool ok_;
};

TEST(ReadFileTest, ReturnsBytesAndTheVersionOfStatFile) {
  TempDir dir;
  const std::string bytes("a\0b\r\n\xFF", 6);
  dir.Write("f", bytes);
  ASSERT_OK_AND_ASSIGN(const FileContent content, ReadFile(dir.PathOf("f"), kNoLimit));
  EXPECT_EQ(content.bytes, bytes);
  EXPECT_EQ(content.version.size, 6u);
  EXPECT_THAT(StatFile(dir.PathOf("f")), IsOkAndHolds(content.version));
}

TEST(ReadFileTest, AnEmptyFileIsEmpty) {
  TempDir dir;
  dir.Write("f", "");
  EXPECT_THAT(ReadFileToString(dir.PathOf("f"), 0), IsOkAndHolds(std::string()));
}

TEST(ReadFileTest, AMissingFileOrFolderIsNotFoundAndNamed) {
  TempDir dir;
  dir.Write("f", "x");
  for (const char* name : {"none", "none/f", "f/below_a_file"}) {
    const std::string path = dir.PathOf(name);
    EXPECT_THAT(ReadFile(path, kNoLimit), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
    EXPECT_THAT(StatFile(path), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  }
}

TEST(ReadFileTest, ADirectoryIsDataLoss) {
  TempDir dir;
  EXPECT_THAT(ReadFile(dir.path(), kNoLimit),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is a directory")));
  EXPECT_THAT(StatFile(dir.path()), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ReadFileTest, AFifoIsDataLossAndDoesNotBlock) {
  TempDir dir;
  ASSERT_EQ(mkfifo(dir.PathOf("pipe").c_str(), 0600), 0);
  // Nobody writes to it: a blocking open would hang here until the test times out.
  EXPECT_THAT(ReadFile(dir.PathOf("pipe"), kNoLimit),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is a FIFO")));
}

TEST(ReadFileTest, ADeviceIsDataLoss) {
  EXPECT_THAT(ReadFile("/dev/zero", kNoLimit),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not a regular file")));
}

TEST(ReadFileTest, ALoopOfLinksIsAnErrorOfTheSystem) {
  TempDir dir;
  ASSERT_EQ(symlink("loop", dir.PathOf("loop").c_str()), 0);
  EXPECT_THAT(ReadFile(dir.PathOf("loop"), kNoLimit), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(ReadFileTest, TheSizeIsCheckedBeforeReading) {
  TempDir dir;
  dir.Write("f", "12345");
  EXPECT_THAT(ReadFile(dir.PathOf("f"), 4),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("5 bytes, the limit is 4")));
  EXPECT_THAT(ReadFileToString(dir.PathOf("f"), 5), IsOkAndHolds(std::string("12345")));
  // A hole of a terabyte: whoever reads first runs out of memory or time.
  ASSERT_EQ(truncate(dir.PathOf("f").c_str(), off_t{1} << 40), 0);
  EXPECT_THAT(ReadFile(dir.PathOf("f"), 1 << 20), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(ReadFileTest, AFolderOrFileThatMayNotBeReadIsPermissionDenied) {
  TempDir dir;
  dir.Write("closed/f", "x");
  dir.Write("f", "x");
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(dir.PathOf("f").c_str(), 0), 0);
  ASSERT_EQ(chmod(dir.PathOf("closed").c_str(), 0), 0);
  {
    ScopedUnprivileged unprivileged;
    if (!unprivileged.ok()) GTEST_SKIP() << "this root may not become another user";
    for (const char* name : {"f", "closed/f"}) {
      EXPECT_THAT(ReadFile(dir.PathOf(name), kNoLimit),
                  StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(dir.PathOf(name))));
    }
    EXPECT_THAT(StatFile(dir.PathOf("closed/f")), StatusIs(absl::StatusCode::kPermissionDenied));
  }
  ASSERT_EQ(chmod(dir.PathOf("closed").c_str(), 0700), 0);
}

TEST(WriteFileDurablyTest, CreatesAFileAndLeavesNothingElse) {
  TempDir dir;
  const std::string bytes("{}\0\n", 4);
  ASSERT_THAT(WriteFileDurably(dir.PathOf("f"), bytes), IsOk());
  EXPECT_EQ(dir.Read("f"), bytes);
  EXPECT_THAT(FilesIn(dir.path()), ElementsAre("f"));
  struct stat info;
  ASSERT_EQ(stat(dir.PathOf("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777 & ~0644, 0u);
}

TEST(WriteFileDurablyTest, ReplacesByAnotherFileSoThatOpenReadersKeepTheOldOne) {
  TempDir dir;
  dir.Write("f", "old");
  std::filesystem::create_hard_link(dir.PathOf("f"), dir.PathOf("old_inode"));
  ASSERT_OK_AND_ASSIGN(const FileVersion before, StatFile(dir.PathOf("f")));
  ASSERT_THAT(WriteFileDurably(dir.PathOf("f"), "new"), IsOk());
  EXPECT_EQ(dir.Read("f"), "new");
  EXPECT_EQ(dir.Read("old_inode"), "old");
  ASSERT_OK_AND_ASSIGN(const FileVersion after, StatFile(dir.PathOf("f")));
  EXPECT_NE(before.inode, after.inode);
}

TEST(WriteFileDurablyTest, AFailedWriteKeepsTheOldFileAndRemovesTheNewOne) {
  TempDir dir;
  dir.Write("f", "old");
  {
    ScopedFileSizeLimit limit(1000);
    EXPECT_THAT(WriteFileDurably(dir.PathOf("f"), std::string(5000, 'n')),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("write")));
  }
  EXPECT_EQ(dir.Read("f"), "old");
  EXPECT_THAT(FilesIn(dir.path()), ElementsAre("f"));
}

TEST(WriteFileDurablyTest, AFailedRenameKeepsWhatStandsThereAndRemovesTheNewFile) {
  TempDir dir;
  dir.Write("folder/f", "x");
  EXPECT_THAT(WriteFileDurably(dir.PathOf("folder"), "new"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("rename")));
  EXPECT_EQ(dir.Read("folder/f"), "x");
  EXPECT_THAT(FilesIn(dir.path()), ElementsAre("folder"));
}

TEST(WriteFileDurablyTest, AMissingFolderIsNotFound) {
  TempDir dir;
  EXPECT_THAT(WriteFileDurably(dir.PathOf("none/f"), "x"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(dir.Exists("none"));
}

TEST(WriteFileDurablyTest, AFolderThatMayNotBeWrittenIsPermissionDenied) {
  TempDir dir;
  dir.Write("f", "old");
  ASSERT_EQ(chmod(dir.path().c_str(), 0555), 0);
  {
    ScopedUnprivileged unprivileged;
    if (!unprivileged.ok()) GTEST_SKIP() << "this root may not become another user";
    EXPECT_THAT(WriteFileDurably(dir.PathOf("f"), "new"),
                StatusIs(absl::StatusCode::kPermissionDenied));
  }
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  EXPECT_EQ(dir.Read("f"), "old");
}

TEST(CreateDirectoriesTest, MakesParentsAndAcceptsWhatExists) {
  TempDir dir;
  EXPECT_THAT(CreateDirectories(dir.PathOf("a/b/c")), IsOk());
  EXPECT_TRUE(std::filesystem::is_directory(dir.PathOf("a/b/c")));
  EXPECT_THAT(CreateDirectories(dir.PathOf("a/b/c")), IsOk());
  dir.Write("f", "x");
  EXPECT_FALSE(CreateDirectories(dir.PathOf("f/below")).ok());
}

TEST(ErrnoStatusTest, ErrorsOfTheSystemHaveTheCodesOfTheContract) {
  EXPECT_THAT(ErrnoStatus(ENOENT, "open", "/x"),
              StatusIs(absl::StatusCode::kNotFound, "/x: open: No such file or directory"));
  EXPECT_THAT(ErrnoStatus(EACCES, "open", "/x"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(ErrnoStatus(EROFS, "open", "/x"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(ErrnoStatus(ENOSPC, "write", "/x"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ErrnoStatus(EDQUOT, "write", "/x"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ErrnoStatus(EIO, "read", "/x"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(ErrnoStatus(EMFILE, "open", "/x"), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace modelref

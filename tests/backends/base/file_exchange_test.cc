#include "backends/base/file_exchange.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/failpoint.h"
#include "backends/base/file_identity.h"
#include "backends/base/temporary_file.h"
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
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A number that no process has: one above the largest that the kernel gives.
constexpr pid_t kDeadPid = (1 << 22) + 1;

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

std::string ReadPath(const std::string& path) {
  return ReadFileToString(path, 1 << 20).value_or("not readable");
}

// The ways to exchange, each by what is made to look unsupported.
class FileExchangeTest : public ::testing::TestWithParam<std::vector<const char*>> {
 protected:
  void SetUp() override {
    if (!FailpointsBuilt() && !GetParam().empty()) GTEST_SKIP() << "this build has no failpoints";
    for (const char* name : GetParam()) {
      points_.push_back(std::make_unique<ScopedFailpoint>(name, absl::StatusCode::kUnimplemented));
    }
  }
  std::string path() const { return dir_.PathOf("f"); }

  TempDir dir_;
  std::vector<std::unique_ptr<ScopedFailpoint>> points_;
};

TEST_P(FileExchangeTest, PutsTheNewFileInPlaceAndHandsOutTheOldOne) {
  dir_.Write("f", "old");
  ASSERT_OK_AND_ASSIGN(const FileIdentity old, IdentifyFile(path()));
  ASSERT_OK_AND_ASSIGN(const FileExchange exchange, ExchangeFileDurably(path(), "new"));
  EXPECT_THAT(exchange.synced, IsOk());
  EXPECT_EQ(dir_.Read("f"), "new");
  EXPECT_EQ(ReadPath(exchange.displaced), "old");
  EXPECT_THAT(IdentifyFile(exchange.displaced), IsOkAndHolds(old));
  EXPECT_THAT(StatFile(path()), IsOkAndHolds(exchange.version));
  EXPECT_THAT(NamesIn(dir_.path()), SizeIs(2));
  for (const auto& point : points_) EXPECT_EQ(point->hits(), 1);
}

TEST_P(FileExchangeTest, WhereNothingStoodNothingIsDisplaced) {
  ASSERT_OK_AND_ASSIGN(const FileExchange exchange, ExchangeFileDurably(path(), "new"));
  EXPECT_EQ(exchange.displaced, "");
  EXPECT_THAT(exchange.synced, IsOk());
  EXPECT_EQ(dir_.Read("f"), "new");
  EXPECT_THAT(NamesIn(dir_.path()), ElementsAre("f"));
}

TEST_P(FileExchangeTest, AnEditAtTheLastMomentIsWhatIsDisplaced) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  for (const bool existed : {true, false}) {
    if (existed) dir_.Write("f", "old");
    ScopedFailpoint editor("file.after_fsync", [&] {
      dir_.Write("f", "edited");
      return absl::OkStatus();
    });
    ASSERT_OK_AND_ASSIGN(const FileExchange exchange, ExchangeFileDurably(path(), "new"));
    EXPECT_EQ(dir_.Read("f"), "new");
    EXPECT_EQ(ReadPath(exchange.displaced), "edited");
    dir_.Remove("f");
  }
}

TEST_P(FileExchangeTest, AReaderFindsAWholeFileAtEveryInstant) {
  const std::string a(10'000, 'a');
  const std::string b(20'000, 'b');
  dir_.Write("f", a);
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::thread reader([&] {
    while (!stop || reads == 0) {
      const absl::StatusOr<std::string> bytes = ReadFileToString(path(), 1 << 20);
      ASSERT_THAT(bytes, IsOk());
      ASSERT_TRUE(*bytes == a || *bytes == b) << bytes->size();
      ++reads;
    }
  });
  for (int round = 0; round < 100; ++round) {
    const absl::StatusOr<FileExchange> exchange = ExchangeFileDurably(path(), round % 2 ? a : b);
    EXPECT_THAT(exchange, IsOk());
    if (exchange.ok()) unlink(exchange->displaced.c_str());
  }
  stop = true;
  reader.join();
}

INSTANTIATE_TEST_SUITE_P(Ways, FileExchangeTest,
                         ::testing::Values(std::vector<const char*>{},
                                           std::vector<const char*>{"file.no_exchange"}));

TEST(FileExchangeErrorTest, WithoutExchangeAndLinksTheOldFileIsJustReplaced) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  TempDir dir;
  dir.Write("f", "old");
  ScopedFailpoint no_exchange("file.no_exchange", absl::StatusCode::kUnimplemented);
  ScopedFailpoint no_links("file.no_links", absl::StatusCode::kUnimplemented);
  ASSERT_OK_AND_ASSIGN(const FileExchange exchange, ExchangeFileDurably(dir.PathOf("f"), "new"));
  EXPECT_EQ(exchange.displaced, "");
  EXPECT_EQ(dir.Read("f"), "new");
  EXPECT_THAT(NamesIn(dir.path()), ElementsAre("f"));
}

TEST(FileExchangeErrorTest, SomethingElseThanAFileIsNotPutAside) {
  TempDir dir;
  dir.Write("folder/f", "x");
  ASSERT_EQ(mkfifo(dir.PathOf("pipe").c_str(), 0600), 0);
  for (const char* name : {"folder", "pipe"}) {
    EXPECT_THAT(ExchangeFileDurably(dir.PathOf(name), "new"),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(name)));
  }
  EXPECT_THAT(ExchangeFileDurably(dir.PathOf("none/f"), "new"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(dir.Read("folder/f"), "x");
  EXPECT_THAT(NamesIn(dir.path()), SizeIs(2));
}

TEST(FileExchangeErrorTest, ASymbolicLinkIsItselfDisplaced) {
  TempDir dir;
  dir.Write("content", "old");
  std::filesystem::create_symlink("content", dir.PathOf("f"));
  ASSERT_OK_AND_ASSIGN(const FileExchange exchange, ExchangeFileDurably(dir.PathOf("f"), "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(exchange.displaced));
  EXPECT_FALSE(std::filesystem::is_symlink(dir.PathOf("f")));
  EXPECT_EQ(dir.Read("content"), "old");
  EXPECT_EQ(dir.Read("f"), "new");
}

TEST(FileExchangeErrorTest, AnErrorBeforeTheExchangeChangesNothing) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  TempDir dir;
  dir.Write("f", "old");
  for (const char* step : {"file.after_temp", "file.after_fsync"}) {
    ScopedFailpoint point(step, absl::StatusCode::kUnavailable);
    EXPECT_THAT(ExchangeFileDurably(dir.PathOf("f"), "new"),
                StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(dir.Read("f"), "old");
    EXPECT_THAT(NamesIn(dir.path()), ElementsAre("f"));
  }
}

TEST(FileExchangeErrorTest, AnErrorAfterTheExchangeStillHandsOutTheOldFile) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  TempDir dir;
  dir.Write("f", "old");
  ScopedFailpoint point("file.after_exchange", absl::StatusCode::kUnavailable);
  ASSERT_OK_AND_ASSIGN(const FileExchange exchange, ExchangeFileDurably(dir.PathOf("f"), "new"));
  EXPECT_THAT(exchange.synced, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(dir.Read("f"), "new");
  EXPECT_EQ(ReadPath(exchange.displaced), "old");
}

// --- crashes -------------------------------------------------------------------------------------

// A child that dies at `point` while it exchanges "old" for "new".
void DieDuringExchange(const std::string& specification, const std::string& path) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    ArmFailpoints(specification).IgnoreError();
    ExchangeFileDurably(path, "new").IgnoreError();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << specification;
}

struct Crash {
  const char* specification;
  const char* left;       // What the path holds afterwards.
  const char* displaced;  // What the sweep hands out; empty: nothing.
};

TEST(SweepTemporaryFilesTest, AfterACrashTheOldFileIsInPlaceOrHandedOut) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  for (const Crash& crash : std::vector<Crash>{
           {"file.after_temp=kill", "old", ""},
           {"file.after_fsync=kill", "old", ""},
           {"file.after_exchange=kill", "new", "old"},
           {"file.after_dir_fsync=kill", "new", "old"},
           {"file.no_exchange=error(INTERNAL);file.after_fsync=kill", "old", ""},
           {"file.no_exchange=error(INTERNAL);file.after_link=kill", "old", "old"},
           {"file.no_exchange=error(INTERNAL);file.after_exchange=kill", "new", "old"},
       }) {
    TempDir dir;
    dir.Write("f", "old");
    DieDuringExchange(crash.specification, dir.PathOf("f"));
    EXPECT_EQ(dir.Read("f"), crash.left) << crash.specification;
    ASSERT_OK_AND_ASSIGN(const std::vector<DisplacedFile> found, SweepTemporaryFiles(dir.path()));
    const std::string expected = crash.displaced;
    ASSERT_EQ(found.size(), expected.empty() ? 0u : 1u) << crash.specification;
    EXPECT_THAT(NamesIn(dir.path()), SizeIs(1 + found.size())) << crash.specification;
    if (found.empty()) continue;
    EXPECT_EQ(ReadPath(found[0].path), expected) << crash.specification;
    EXPECT_EQ(found[0].target, dir.PathOf("f"));
  }
}

TEST(SweepTemporaryFilesTest, RemovesWhatDeadProcessesDidNotFinish) {
  TempDir dir;
  const std::string being_created = absl::StrCat("a.json.tmp.", kDeadPid, ".new.0");
  dir.Write(being_created, "");
  dir.Write("content", "half");
  ASSERT_OK_AND_ASSIGN(const FileIdentity content, IdentifyFile(dir.PathOf("content")));
  std::filesystem::rename(
      dir.PathOf("content"),
      dir.PathOf(absl::StrCat("a.json.tmp.", kDeadPid, ".", content.inode, ".0")));
  EXPECT_THAT(SweepTemporaryFiles(dir.path()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(NamesIn(dir.path()), IsEmpty());
}

TEST(SweepTemporaryFilesTest, ReturnsDisplacedFilesInOrderAndLeavesThem) {
  TempDir dir;
  const std::string b = absl::StrCat("b.json.tmp.", kDeadPid, ".1.0");
  const std::string a = absl::StrCat("a.json.tmp.", kDeadPid, ".1.0.old");
  dir.Write(b, "an edit of b");
  dir.Write(a, "an edit of a");
  for (int sweep = 0; sweep < 2; ++sweep) {
    ASSERT_OK_AND_ASSIGN(const std::vector<DisplacedFile> found, SweepTemporaryFiles(dir.path()));
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_EQ(found[0].path, dir.PathOf(a));
    EXPECT_EQ(found[0].target, dir.PathOf("a.json"));
    EXPECT_EQ(found[1].path, dir.PathOf(b));
  }
}

TEST(SweepTemporaryFilesTest, LeavesWhatLivingProcessesWriteAndWhatIsNotTheirs) {
  TempDir dir;
  ASSERT_OK_AND_ASSIGN(const TemporaryFile own, TemporaryFile::Write(dir.PathOf("f"), "x"));
  const std::string parents = absl::StrCat("f.tmp.", getppid(), ".new.0");
  dir.Write(parents, "x");
  dir.Write("a.json", "{}");
  dir.Write("notes.tmp", "x");
  std::filesystem::create_directory(dir.PathOf(absl::StrCat("f.tmp.", kDeadPid, ".new.1")));
  const size_t before = NamesIn(dir.path()).size();
  EXPECT_THAT(SweepTemporaryFiles(dir.path()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(NamesIn(dir.path()), SizeIs(before));
}

TEST(SweepTemporaryFilesTest, AnEarlierProcessOfTheSameNumberIsDeadToo) {
  TempDir dir;
  dir.Write(absl::StrCat("f.tmp.", getpid(), ".new.0"), "half");
  EXPECT_THAT(SweepTemporaryFiles(dir.path()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(NamesIn(dir.path()), IsEmpty());
}

TEST(SweepTemporaryFilesTest, AProcessThatNobodyWaitedForIsDead) {
  TempDir dir;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const std::string displaced = absl::StrCat("f.tmp.", child, ".1.0r7");
  dir.Write(displaced, "an edit of f");
  EXPECT_THAT(SweepTemporaryFiles(dir.path()), IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

TEST(SweepTemporaryFilesTest, AMissingFolderIsNotFound) {
  TempDir dir;
  EXPECT_THAT(SweepTemporaryFiles(dir.PathOf("none")), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace modelref

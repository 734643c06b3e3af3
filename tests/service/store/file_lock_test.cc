#include "service/store/file_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using Mode = FileLock::Mode;

std::optional<FileLock> Take(const std::string& path, Mode mode) {
  absl::StatusOr<std::optional<FileLock>> lock = FileLock::Try(path, mode);
  EXPECT_TRUE(lock.ok()) << lock.status();
  return lock.ok() ? *std::move(lock) : std::nullopt;
}

TEST(FileLockTest, OnlyOneHoldsItUntilItIsGone) {
  const TempDir dir;
  const std::string path = dir.PathOf("lock");
  std::optional<FileLock> first = Take(path, Mode::kExclusive);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(Take(path, Mode::kExclusive).has_value());
  EXPECT_FALSE(Take(path, Mode::kShared).has_value());
  first.reset();
  EXPECT_TRUE(Take(path, Mode::kExclusive).has_value());
}

TEST(FileLockTest, ManyShareItAndKeepAnExclusiveOneAway) {
  const TempDir dir;
  const std::string path = dir.PathOf("lock");
  const std::optional<FileLock> first = Take(path, Mode::kShared);
  const std::optional<FileLock> second = Take(path, Mode::kShared);
  EXPECT_TRUE(first.has_value());
  EXPECT_TRUE(second.has_value());
  EXPECT_FALSE(Take(path, Mode::kExclusive).has_value());
}

TEST(FileLockTest, TheSystemGivesItBackWhenItsProcessIsKilled) {
  const TempDir dir;
  const std::string path = dir.PathOf("lock");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FileLock::Try(path, Mode::kExclusive);
    [[maybe_unused]] const ssize_t told = write(ready[1], "x", 1);
    pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_FALSE(Take(path, Mode::kExclusive).has_value());
  kill(child, SIGKILL);
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(Take(path, Mode::kExclusive).has_value());
  close(ready[0]);
  close(ready[1]);
}

TEST(FileLockTest, AFolderThatIsNotThereIsAnError) {
  const TempDir dir;
  EXPECT_THAT(FileLock::Try(dir.PathOf("no/lock"), Mode::kShared),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(FileLockTest, ALockWhoseFileIsGoneIsTold) {
  const TempDir dir;
  const std::string path = dir.PathOf("lock");
  const std::optional<FileLock> lock = Take(path, Mode::kExclusive);
  ASSERT_TRUE(lock.has_value());
  EXPECT_THAT(lock->CheckInPlace(), IsOk());
  dir.Remove("lock");
  EXPECT_THAT(lock->CheckInPlace(), StatusIs(absl::StatusCode::kAborted));
  const std::optional<FileLock> other = Take(path, Mode::kExclusive);
  ASSERT_TRUE(other.has_value()) << "it is another file";
  EXPECT_THAT(lock->CheckInPlace(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(other->CheckInPlace(), IsOk());
}

}  // namespace
}  // namespace modelref

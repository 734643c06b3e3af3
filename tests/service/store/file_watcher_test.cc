#include "service/store/file_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "backends/base/durable_file.h"
#include "tests/service/store/edits.h"
#include "tests/testing/event.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::Event;
using ::modelref::testing::kClip;
using ::modelref::testing::kDeadline;
using ::modelref::testing::kImages;
using ::modelref::testing::TempDir;

// One file per category, named after it. Thread-safe.
class FolderSource final : public FilePaths, public VersionProbe {
 public:
  explicit FolderSource(std::string folder) : folder_(std::move(folder)) {}

  std::string PathOf(const DocumentKey& key) const override {
    return absl::StrCat(folder_, "/", key.category, ".json");
  }
  absl::StatusOr<std::string> CurrentVersion(const DocumentKey& key) override {
    const absl::StatusOr<FileVersion> version = StatFile(PathOf(key));
    if (!version.ok()) return version.status();
    return absl::StrCat(absl::ToUnixNanos(version->modified), ":", version->size, ":",
                        version->inode);
  }

 private:
  const std::string folder_;
};

class FileWatcherTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kNever = absl::Hours(1);

  void Watch(absl::Duration poll_interval, absl::Duration settle_time) {
    FileWatcher::Options options;
    options.keys = {kClip, kImages};
    options.poll_interval = poll_interval;
    options.settle_time = settle_time;
    options.on_poll = [this] { Count(&polls_); };
    watcher_ = std::make_unique<FileWatcher>(
        options, source_, source_, RealClock(), [this](const DocumentKey& key, FileWatcher::Cause) {
          MutexLock lock(&mutex_);
          ++judged_[key];
          std::ifstream file(source_.PathOf(key), std::ios::binary);
          seen_[key].assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
          changed_.SignalAll();
        });
    watcher_->TakeBaseline();
    ASSERT_TRUE(watcher_->Start().ok());
  }
  // Watches with a poll that never comes, so that only inotify can notice anything.
  void WatchByInotifyOnly() { Watch(kNever, kNever); }
  // Watches with a poll every few milliseconds.
  void WatchByPoll(absl::Duration settle_time) { Watch(absl::Milliseconds(2), settle_time); }

  template <typename Condition>
  [[nodiscard]] bool WaitUntil(Condition condition) {
    const absl::Time deadline = RealClock().TimeNow() + kDeadline;
    MutexLock lock(&mutex_);
    while (!condition()) {
      const absl::Duration left = deadline - RealClock().TimeNow();
      if (left <= absl::ZeroDuration()) return false;
      changed_.WaitFor(&mutex_, left);
    }
    return true;
  }
  // Waits until the document was judged when its file held `content`.
  [[nodiscard]] bool WaitForJudged(const DocumentKey& key, const std::string& content) {
    return WaitUntil([&] { return judged_[key] > 0 && seen_[key] == content; });
  }
  [[nodiscard]] bool WaitForPolls(int more) {
    const int until = CountOf(&polls_) + more;
    return WaitUntil([&] { return polls_ >= until; });
  }
  int Judged(const DocumentKey& key) {
    MutexLock lock(&mutex_);
    return judged_[key];
  }
  // True once all that the watcher had noticed before was judged.
  [[nodiscard]] bool Settle() {
    auto done = std::make_shared<Event>();
    watcher_->Request(kImages, [done] { done->Set(); });
    return done->Wait();
  }
  void Count(int* counter) {
    MutexLock lock(&mutex_);
    ++*counter;
    changed_.SignalAll();
  }
  int CountOf(const int* counter) {
    MutexLock lock(&mutex_);
    return *counter;
  }

  TempDir dir_;
  FolderSource source_{dir_.PathOf("data")};
  Mutex mutex_;
  CondVar changed_;
  std::map<DocumentKey, int> judged_;
  std::map<DocumentKey, std::string> seen_;
  int polls_ = 0;
  std::unique_ptr<FileWatcher> watcher_;  // Last: its thread uses the others.
};

TEST_F(FileWatcherTest, AFileRenamedIntoPlaceIsNoticedAtOnce) {
  dir_.Write("data/clip.json", "old");
  WatchByInotifyOnly();
  ASSERT_TRUE(watcher_->uses_inotify());
  dir_.Write("data/clip.json", "new content");
  EXPECT_TRUE(WaitForJudged(kClip, "new content"));
  EXPECT_EQ(Judged(kImages), 0);
}

TEST_F(FileWatcherTest, AFileRewrittenInPlaceIsNoticedAtOnce) {
  dir_.Write("data/clip.json", "old");
  WatchByInotifyOnly();
  std::ofstream(dir_.PathOf("data/clip.json"), std::ios::trunc) << "new content";
  EXPECT_TRUE(WaitForJudged(kClip, "new content"));
}

TEST_F(FileWatcherTest, ASlowWriterIsJudgedWhenItCloses) {
  dir_.Write("data/clip.json", "old");
  WatchByPoll(/*settle_time=*/kNever);
  std::ofstream slow(dir_.PathOf("data/clip.json"), std::ios::trunc);
  slow << "half, and" << std::flush;
  ASSERT_TRUE(WaitForPolls(5));
  EXPECT_EQ(Judged(kClip), 0);
  slow << " the rest";
  slow.close();
  EXPECT_TRUE(WaitForJudged(kClip, "half, and the rest"));
  EXPECT_EQ(Judged(kClip), 1);
}

TEST_F(FileWatcherTest, AFileThatStaysOpenIsJudgedWhenItNoLongerChanges) {
  dir_.Write("data/clip.json", "old");
  WatchByPoll(absl::Milliseconds(20));
  std::ofstream open(dir_.PathOf("data/clip.json"), std::ios::trunc);
  open << "all there is" << std::flush;
  EXPECT_TRUE(WaitForJudged(kClip, "all there is"));
}

TEST_F(FileWatcherTest, ADeletionIsNoticedByThePoll) {
  dir_.Write("data/clip.json", "old");
  WatchByPoll(absl::Milliseconds(5));
  dir_.Remove("data/clip.json");
  EXPECT_TRUE(WaitForJudged(kClip, ""));
  EXPECT_EQ(Judged(kImages), 0);
}

TEST_F(FileWatcherTest, AJudgedChangeIsNotJudgedAgain) {
  dir_.Write("data/clip.json", "old");
  WatchByPoll(absl::ZeroDuration());
  dir_.Write("data/clip.json", "new content");
  ASSERT_TRUE(WaitForJudged(kClip, "new content"));
  const int judged = Judged(kClip);
  ASSERT_TRUE(WaitForPolls(5));
  EXPECT_EQ(Judged(kClip), judged);
}

TEST_F(FileWatcherTest, TheBaselineIsNotJudged) {
  dir_.Write("data/clip.json", "old");
  WatchByPoll(absl::ZeroDuration());
  ASSERT_TRUE(WaitForPolls(5));
  EXPECT_EQ(Judged(kClip), 0);
  EXPECT_EQ(Judged(kImages), 0);
}

TEST_F(FileWatcherTest, FoldersThatAppearLaterAreWatchedFromTheNextPoll) {
  WatchByPoll(absl::Milliseconds(5));
  EXPECT_FALSE(watcher_->uses_inotify());
  dir_.Write("data/clip.json", "first");
  EXPECT_TRUE(WaitForJudged(kClip, "first"));
  ASSERT_TRUE(WaitForPolls(2));
  EXPECT_TRUE(watcher_->uses_inotify());
}

TEST_F(FileWatcherTest, AFolderMadeAnewIsWatchedAgain) {
  dir_.Write("data/clip.json", "old");
  WatchByPoll(/*settle_time=*/kNever);
  dir_.Remove("data");
  std::filesystem::create_directory(dir_.PathOf("data"));
  // The first poll after the folder is back watches it; the settle time leaves only inotify.
  ASSERT_TRUE(WaitForPolls(3));
  dir_.Write("data/clip.json", "again");
  EXPECT_TRUE(WaitForJudged(kClip, "again"));
}

TEST_F(FileWatcherTest, ARequestJudgesAFileThatDidNotChange) {
  dir_.Write("data/clip.json", "old");
  WatchByInotifyOnly();
  Event done;
  watcher_->Request(kClip, [&] {
    EXPECT_EQ(Judged(kClip), 1);
    done.Set();
  });
  EXPECT_TRUE(done.Wait());
}

TEST_F(FileWatcherTest, ARequestWithoutDoneIsJudgedToo) {
  dir_.Write("data/clip.json", "old");
  WatchByInotifyOnly();
  watcher_->Request(kClip, nullptr);
  EXPECT_TRUE(WaitForJudged(kClip, "old"));
}

TEST_F(FileWatcherTest, DoneIsCalledAlsoAfterStop) {
  WatchByInotifyOnly();
  watcher_->Stop();
  int called = 0;
  watcher_->Request(kClip, [&] { ++called; });
  EXPECT_EQ(called, 1);
  EXPECT_EQ(Judged(kClip), 0);
}

TEST_F(FileWatcherTest, EveryDoneIsCalledExactlyOnceAroundStop) {
  WatchByInotifyOnly();
  int called = 0;
  for (int i = 0; i < 200; ++i) {
    if (i == 100) watcher_->Stop();
    watcher_->Request(kClip, [&] { Count(&called); });
  }
  watcher_->Stop();
  EXPECT_EQ(CountOf(&called), 200);
}

TEST_F(FileWatcherTest, NothingIsJudgedAfterStop) {
  dir_.Write("data/clip.json", "old");
  WatchByPoll(absl::ZeroDuration());
  ASSERT_TRUE(Settle());
  watcher_->Stop();
  const int polls = CountOf(&polls_);
  dir_.Write("data/clip.json", "new content");
  EXPECT_EQ(Judged(kClip), 0);
  EXPECT_EQ(CountOf(&polls_), polls);
}

TEST_F(FileWatcherTest, DoneIsCalledWhenTheWatcherNeverStarted) {
  FileWatcher::Options options;
  options.keys = {kClip};
  int called = 0;
  FileWatcher idle(options, source_, source_, RealClock(),
                   [](const DocumentKey&, FileWatcher::Cause) {});
  idle.Request(kClip, [&] { ++called; });
  idle.Stop();
  EXPECT_EQ(called, 1);
  idle.Request(kClip, [&] { ++called; });
  EXPECT_EQ(called, 2);
}

TEST_F(FileWatcherTest, ItBeginsAgainAfterItStopped) {
  dir_.Write("data/clip.json", "old");
  WatchByInotifyOnly();
  watcher_->Stop();
  auto refused = std::make_shared<Event>();
  watcher_->Request(kClip, [refused] { refused->Set(); });
  EXPECT_TRUE(refused->IsSet()) << "nobody takes it";
  EXPECT_EQ(Judged(kClip), 0);
  watcher_->TakeBaseline();
  ASSERT_TRUE(watcher_->Start().ok());
  ASSERT_TRUE(Settle());
  dir_.Write("data/clip.json", "new");
  EXPECT_TRUE(WaitForJudged(kClip, "new"));
}

}  // namespace
}  // namespace modelref

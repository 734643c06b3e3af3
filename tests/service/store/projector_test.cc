#include "service/store/projector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "backends/base/clock.h"
#include "tests/service/store/file_writer_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FileWriterTest;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::Put;
using ::modelref::testing::StatusIs;

class ProjectorTest : public FileWriterTest {
 protected:
  // Another process's view of the directory.
  std::unique_ptr<Store> OpenAnother() {
    Store::Options options;
    options.directory = dir_.PathOf(".modelref");
    auto store = Store::Open({kClip, kImages, kLegacyClip}, clock_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  std::unique_ptr<Projector> Make(Store& store, Projector::Importer importer = {}) {
    Projector::Options options;
    options.files.delay = absl::Milliseconds(20);
    options.takeover_interval = takeover_interval_;
    return std::make_unique<Projector>(store, Projector::Paths{*this, nullptr},
                                       std::vector<EventProjection::Parts>(), std::move(importer),
                                       options);
  }
  absl::Duration takeover_interval_ = absl::Milliseconds(100);
  template <typename Condition>
  static bool Soon(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      Pause(absl::Milliseconds(10));
    }
    return false;
  }
};

TEST_F(ProjectorTest, CommitsAreInTheFilesSoon) {
  const auto projector = Make(*store_);
  ASSERT_THAT(projector->Start(), IsOk());
  EXPECT_TRUE(projector->is_holder());
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_TRUE(Soon([&] { return dir_.Exists("clip.json"); }));
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "1"));
}

TEST_F(ProjectorTest, StoppingWritesWhatWaits) {
  const auto projector = Make(*store_);
  ASSERT_THAT(projector->Start(), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(projector->Stop(), IsOk());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "1"));
}

TEST_F(ProjectorTest, SettleReturnsWhenEverythingIsWritten) {
  const auto projector = Make(*store_);
  ASSERT_THAT(projector->Start(), IsOk());
  for (int i = 0; i < 20; ++i) {
    CommitTo(*store_, Edit(kClip, {Put("a", absl::StrCat(i))}));
    ASSERT_THAT(projector->Settle(), IsOk());
    ASSERT_EQ(dir_.Read("clip.json"), FileOf("a", absl::StrCat(i)));
  }
}

TEST_F(ProjectorTest, OneOfTwoWritesAndTheOtherTakesOverWhenItEnds) {
  const auto other_store = OpenAnother();
  int started = 0;
  Projector::Importer importer;
  importer.start = [&started] {
    ++started;
    return absl::OkStatus();
  };
  auto first = Make(*store_);
  const auto second = Make(*other_store, importer);
  ASSERT_THAT(first->Start(), IsOk());
  ASSERT_THAT(second->Start(), IsOk());
  EXPECT_FALSE(second->is_holder());
  EXPECT_EQ(started, 0);
  EXPECT_THAT(second->Settle(), StatusIs(absl::StatusCode::kFailedPrecondition));
  first.reset();
  ASSERT_TRUE(Soon([&] { return second->is_holder(); }));
  EXPECT_EQ(started, 1);
  // The first store only commits now.
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_TRUE(Soon([&] { return dir_.Exists("clip.json"); }));
}

TEST_F(ProjectorTest, AnImporterThatCannotStartGivesTheLockBack) {
  Projector::Importer importer;
  importer.start = [] { return absl::UnavailableError("no"); };
  const auto first = Make(*store_, importer);
  EXPECT_THAT(first->Start(), StatusIs(absl::StatusCode::kUnavailable));
  const auto second = Make(*store_);
  EXPECT_THAT(second->Start(), IsOk());
  EXPECT_TRUE(second->is_holder());
}

TEST_F(ProjectorTest, ARestoredFileComesBackAndFailuresAreTold) {
  const auto projector = Make(*store_);
  ASSERT_THAT(projector->Start(), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(projector->Settle(), IsOk());
  dir_.Remove("clip.json");
  projector->RestoreFile(kClip);
  EXPECT_TRUE(Soon([&] { return dir_.Exists("clip.json"); }));
  EXPECT_TRUE(projector->status().file_failures.empty());
  dir_.Write("legacy", "a file where a folder is needed");
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "1")}));
  EXPECT_FALSE(projector->Settle().ok());
  EXPECT_EQ(projector->status().file_failures.count(kLegacyClip), 1u);
}

// --- The end of several processes ----------------------------------------------------------------

TEST_F(ProjectorTest, WhatIsCommittedAfterTheHolderStoppedIsWrittenByTheOneThatStopsLast) {
  takeover_interval_ = absl::Hours(1);
  const auto other_store = OpenAnother();
  const auto first = Make(*store_);
  const auto second = Make(*other_store);
  ASSERT_THAT(first->Start(), IsOk());
  ASSERT_THAT(second->Start(), IsOk());
  ASSERT_THAT(first->Stop(), IsOk());
  CommitTo(*other_store, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(second->Stop(), IsOk());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "1"));
}

// The others find the lock taken and leave, all while the holder writes its last files.
TEST_F(ProjectorTest, WhatOthersCommitWhileTheHolderSettlesForTheLastTimeIsWrittenByIt) {
  takeover_interval_ = absl::Hours(1);
  std::vector<std::unique_ptr<Store>> stores;
  std::vector<std::unique_ptr<Projector>> others;
  for (int i = 0; i < 3; ++i) {
    stores.push_back(OpenAnother());
    others.push_back(Make(*stores.back()));
  }
  size_t stopped = 0;
  Projector::Importer importer;
  importer.alone = [&](const std::function<void()>& exchange) {
    exchange();
    if (stopped == stores.size()) return absl::OkStatus();
    CommitTo(*stores[stopped], Edit(kClip, {Put("a", absl::StrCat("of ", stopped))}));
    return others[stopped++]->Stop();
  };
  const auto holder = Make(*store_, importer);
  ASSERT_THAT(holder->Start(), IsOk());
  for (const auto& other : others) ASSERT_THAT(other->Start(), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(holder->Stop(), IsOk());
  EXPECT_EQ(stopped, stores.size());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "of 2"));
}

TEST_F(ProjectorTest, ALastSettlingThatTakesLongIsFollowedByAnother) {
  takeover_interval_ = absl::Hours(1);
  const auto other_store = OpenAnother();
  const auto other = Make(*other_store);
  bool is_first = true;
  Projector::Importer importer;
  importer.alone = [&](const std::function<void()>& exchange) {
    exchange();
    if (!std::exchange(is_first, false)) return absl::OkStatus();
    CommitTo(*other_store, Edit(kClip, {Put("a", "2")}));
    const absl::Status stopped = other->Stop();
    Pause(absl::Milliseconds(2200));
    return stopped;
  };
  const auto holder = Make(*store_, importer);
  ASSERT_THAT(holder->Start(), IsOk());
  ASSERT_THAT(other->Start(), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(holder->Stop(), IsOk());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "2"));
}

TEST_F(ProjectorTest, WhoStopsBesideARunningHolderLeavesTheFilesToIt) {
  const auto other_store = OpenAnother();
  const auto first = Make(*store_);
  const auto second = Make(*other_store);
  ASSERT_THAT(first->Start(), IsOk());
  ASSERT_THAT(second->Start(), IsOk());
  CommitTo(*other_store, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(second->Stop(), IsOk());
  EXPECT_TRUE(first->is_holder());
  EXPECT_TRUE(Soon([&] { return dir_.Exists("clip.json"); }));
}

// --- A lock that is none any more ----------------------------------------------------------------

TEST_F(ProjectorTest, AHolderWhoseLockFileWasReplacedGivesUpAndAsksAgain) {
  std::atomic<int> stopped = 0;
  Projector::Importer importer;
  importer.stop = [&stopped] { ++stopped; };
  const auto projector = Make(*store_, importer);
  ASSERT_THAT(projector->Start(), IsOk());
  ASSERT_TRUE(projector->is_holder());
  // In one step, as somebody else's.
  const std::string next = dir_.PathOf(".modelref/next.lock");
  auto theirs = *FileLock::Try(next, FileLock::Mode::kExclusive);
  ASSERT_TRUE(theirs.has_value());
  std::filesystem::rename(next, dir_.PathOf(".modelref/projector.lock"));
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_TRUE(Soon([&] { return !projector->is_holder(); }));
  EXPECT_TRUE(Soon([&] { return stopped == 1; }));
  theirs.reset();
  EXPECT_TRUE(Soon([&] { return projector->is_holder(); }));
  EXPECT_TRUE(Soon([&] { return dir_.Exists("clip.json"); }));
}

TEST_F(ProjectorTest, AHolderThatCannotCommitGivesUpAndSaysWhy) {
  const auto projector = Make(*store_);
  ASSERT_THAT(projector->Start(), IsOk());
  dir_.Remove(".modelref/store.db");
  EXPECT_FALSE(store_->Commit("test", {Edit(kClip, {Put("a", "1")})}).ok());
  EXPECT_TRUE(Soon([&] { return !projector->is_holder(); }));
  EXPECT_TRUE(Soon([&] { return !projector->status().election.ok(); }));
  EXPECT_THAT(projector->status().election, HasReason("STORE_FENCED"));
  EXPECT_THAT(projector->Stop(), HasReason("STORE_FENCED"));
}

// Another store may stand there by then, with a trail of its own.
TEST_F(ProjectorTest, WhoCannotCommitTouchesNothingWhenItStops) {
  takeover_interval_ = absl::Hours(1);
  const auto other_store = OpenAnother();
  const auto holder = Make(*other_store);
  ASSERT_THAT(holder->Start(), IsOk());
  int recovered = 0;
  EventProjection::Parts parts;
  parts.name = "counted";
  parts.recover = [&](Database&, uint64_t) {
    ++recovered;
    return absl::OkStatus();
  };
  parts.advance = [](Database&, uint64_t position, size_t) { return position; };
  Projector::Options options;
  options.takeover_interval = takeover_interval_;
  Projector projector(*store_, Projector::Paths{*this, nullptr}, {parts}, {}, options);
  ASSERT_THAT(projector.Start(), IsOk());
  ASSERT_THAT(holder->Stop(), IsOk());
  dir_.Remove(".modelref/store.db");
  EXPECT_THAT(projector.Stop(), HasReason("STORE_FENCED"));
  EXPECT_EQ(recovered, 0);
}

}  // namespace
}  // namespace modelref

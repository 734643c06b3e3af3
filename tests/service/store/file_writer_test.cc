#include "service/store/file_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "backends/base/clock.h"
#include "backends/base/failpoint.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/store/displaced_file.h"
#include "tests/service/store/file_writer_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FileWriterTest;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::kWriteDelay;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::StatusIs;
using ::testing::SizeIs;

TEST_F(FileWriterTest, AFileIsWrittenADelayAfterItsFirstUnwrittenCommit) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_EQ(writer_->Step(now_), now_ + kWriteDelay);
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  EXPECT_EQ(writer_->Step(now_ + kWriteDelay / 2), now_ + kWriteDelay);
  EXPECT_FALSE(dir_.Exists("clip.json"));
  EXPECT_EQ(writer_->Step(now_ + kWriteDelay), absl::InfiniteFuture());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "2"));
  EXPECT_FALSE(dir_.Exists("image_generation.json"));
  EXPECT_EQ(writer_->statistics().rewrites, 1u);
}

TEST_F(FileWriterTest, TheDatabaseKnowsWhatStandsInTheFile) {
  const uint64_t revision = CommitTo(*store_, Edit(kClip, {Put("a", "1"), Put("b", "2")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  const KnownFile known = Known(kClip);
  ASSERT_TRUE(known.file.has_value());
  EXPECT_EQ(known.file->revision, revision);
  EXPECT_EQ(known.file->version, ToString(*StatFile(PathOf(kClip))));
  EXPECT_EQ(known.file->sha256, Sha256(dir_.Read("clip.json")));
  EXPECT_EQ(known.file->size_bytes, dir_.Read("clip.json").size());
  RecordEtags base;
  ASSERT_THAT(store_->Query([&](Database& database) {
    auto read = ReadFileBase(database, known.document);
    if (read.ok()) base = *std::move(read);
    return read.status();
  }),
              IsOk());
  const DocumentPtr document = store_->root()->Find(kClip)->document;
  EXPECT_EQ(base, (RecordEtags{{"a", document->Find("a")->record->etag},
                               {"b", document->Find("b")->record->etag}}));
}

TEST_F(FileWriterTest, ALargeFirstWriteLeavesACompleteBase) {
  CommitTo(*store_, Edit(kClip, PutMany(2500, "x")));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  RecordEtags base;
  const int64_t id = Known(kClip).document;
  ASSERT_THAT(store_->Query([&](Database& database) {
    base = *ReadFileBase(database, id);
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_THAT(base, SizeIs(2500));
}

TEST_F(FileWriterTest, AfterARestartOnlyFilesThatLagAreWritten) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "1")}));
  OpenStore();
  writer_ = MakeWriter();
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(writer_->statistics().rewrites, 1u);
  EXPECT_EQ(dir_.Read("legacy/clip.json"), FileOf("a", "1"));
}

TEST_F(FileWriterTest, AFileThatHasItsBytesAlreadyIsNotReplaced) {
  dir_.Write("clip.json", FileOf("a", "1"));
  const FileVersion before = *StatFile(PathOf(kClip));
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_TRUE(*StatFile(PathOf(kClip)) == before);
  EXPECT_EQ(Known(kClip).file->version, ToString(before));
}

TEST_F(FileWriterTest, AnEditThatARewriteDisplacesIsKeptAndImported) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  dir_.Write("clip.json", "{\"edited\": {}}");
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "2"));
  ASSERT_THAT(imported_, SizeIs(1));
  EXPECT_EQ(imported_[0].key, kClip);
  EXPECT_EQ(imported_[0].bytes, "{\"edited\": {}}");
  EXPECT_EQ(writer_->statistics().displaced, 1u);
  size_t kept = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir_.PathOf(".modelref/held"))) {
    kept += file.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(kept, 1u);
}

TEST_F(FileWriterTest, OurOwnFilesAreNeverKept) {
  for (int i = 0; i < 5; ++i) {
    CommitTo(*store_, Edit(kClip, {Put("a", absl::StrCat(i))}));
    ASSERT_THAT(writer_->Settle(now_), IsOk());
  }
  EXPECT_TRUE(imported_.empty());
  for (const auto& file : std::filesystem::directory_iterator(dir_.path())) {
    EXPECT_EQ(file.path().string().find(".tmp."), std::string::npos) << file.path();
  }
}

TEST_F(FileWriterTest, AnEditorThatStillWritesToTheDisplacedFileIsWaitedFor) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  const int editor = open(PathOf(kClip).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  ASSERT_GE(editor, 0);
  std::thread slow([editor] {
    for (const char* piece : {"{\"slow", "\": {", "}}"}) {
      Pause(absl::Milliseconds(100));
      EXPECT_GT(write(editor, piece, strlen(piece)), 0);
    }
    close(editor);
  });
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  slow.join();
  ASSERT_THAT(imported_, SizeIs(1));
  EXPECT_EQ(imported_[0].bytes, "{\"slow\": {}}");
}

TEST_F(FileWriterTest, AnEditorThatTakesLongerIsJudgedWhenItIsDone) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  const int editor = open(PathOf(kClip).c_str(), O_WRONLY | O_CLOEXEC);
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_TRUE(imported_.empty());
  EXPECT_LT(writer_->Step(now_), absl::InfiniteFuture());
  ASSERT_EQ(ftruncate(editor, 0), 0);
  ASSERT_EQ(pwrite(editor, "{\"late\": {}}", 12, 0), 12);
  close(editor);
  EXPECT_EQ(writer_->Step(now_), absl::InfiniteFuture());
  ASSERT_THAT(imported_, SizeIs(1));
  EXPECT_EQ(imported_[0].bytes, "{\"late\": {}}");
}

TEST_F(FileWriterTest, WhatADeadProcessDisplacedIsImportedAtTheStart) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  dir_.Write("clip.json.tmp.4194300.1.0", "{\"edited\": {}}");
  dir_.Write("clip.json.tmp.4194300.1.1", dir_.Read("clip.json"));
  writer_->Recover();
  ASSERT_THAT(imported_, SizeIs(1));
  EXPECT_EQ(imported_[0].bytes, "{\"edited\": {}}");
  EXPECT_FALSE(dir_.Exists("clip.json.tmp.4194300.1.0"));
  EXPECT_FALSE(dir_.Exists("clip.json.tmp.4194300.1.1"));
}

// A server starts while others commit.
TEST_F(FileWriterTest, RecoveryBesideCommitsReadsOneStateOfTheStore) {
  std::atomic<bool> done{false};
  std::thread committer([&] {
    for (int i = 0; !done; ++i) CommitTo(*store_, Edit(kClip, {Put("a", absl::StrCat(i))}));
  });
  for (int i = 0; i < 300; ++i) writer_->Recover();
  done = true;
  committer.join();
}

TEST_F(FileWriterTest, AFileThatCannotBeWrittenIsToldTriedAgainAndHeals) {
  std::filesystem::create_directory(PathOf(kClip));
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}), Edit(kImages, {Put("b", "1")}));
  EXPECT_THAT(writer_->Settle(now_), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_TRUE(dir_.Exists("image_generation.json"));
  EXPECT_THAT(writer_->failures(), SizeIs(1));
  EXPECT_EQ(writer_->statistics().failures, 1u);
  EXPECT_EQ(writer_->Step(now_), now_ + absl::Seconds(1));
  EXPECT_EQ(writer_->Step(now_ + absl::Seconds(1)), now_ + absl::Seconds(3));
  std::filesystem::remove(PathOf(kClip));
  EXPECT_EQ(writer_->Step(now_ + absl::Seconds(3)), absl::InfiniteFuture());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "1"));
  EXPECT_TRUE(writer_->failures().empty());
}

TEST_F(FileWriterTest, AWriteThatStopsBehindTheExchangeIsFinishedByTheNext) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  {
    const ScopedFailpoint fails("projector.after_file", absl::StatusCode::kUnavailable);
    EXPECT_THAT(writer_->Settle(now_), StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_FALSE(Known(kClip).file.has_value());
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "2"));
  EXPECT_TRUE(imported_.empty());
}

TEST_F(FileWriterTest, ARestoredFileIsWrittenAtOnceWhateverStandsThere) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  dir_.Remove("clip.json");
  EXPECT_EQ(writer_->Step(now_), absl::InfiniteFuture());
  EXPECT_FALSE(dir_.Exists("clip.json"));
  writer_->Restore(kClip);
  EXPECT_EQ(writer_->Step(now_), absl::InfiniteFuture());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "1"));
}

TEST_F(FileWriterTest, AReaderNeverMissesTheFileAndAlwaysFindsAWholeOne) {
  CommitTo(*store_, Edit(kClip, PutMany(50, "0")));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0};
  std::thread reader([&] {
    while (!stop) {
      const absl::StatusOr<std::string> bytes = ReadFileToString(PathOf(kClip), 1 << 20);
      ASSERT_TRUE(bytes.ok()) << bytes.status();
      ASSERT_TRUE(ParseJson(*bytes).ok()) << *bytes;
      ++reads;
    }
  });
  for (int i = 1; i <= 100; ++i) {
    CommitTo(*store_, Edit(kClip, PutMany(50, absl::StrCat(i))));
    ASSERT_THAT(writer_->Settle(now_), IsOk());
  }
  stop = true;
  reader.join();
  EXPECT_GT(reads, 0);
  EXPECT_EQ(writer_->statistics().rewrites, 101u);
}

TEST_F(FileWriterTest, AFullDiskIsToldAndHealsWithoutLosingTheFile) {
  const std::string folder = dir_.PathOf("legacy");
  std::filesystem::create_directory(folder);
  if (mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "a small disk needs the right to mount";
  }
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "1")}));
  EXPECT_THAT(writer_->Settle(now_), IsOk());
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", std::string(100000, 'x'))}));
  EXPECT_THAT(writer_->Settle(now_), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(dir_.Read("legacy/clip.json"), FileOf("a", "1"));
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "3")}));
  EXPECT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_EQ(dir_.Read("legacy/clip.json"), FileOf("a", "3"));
  EXPECT_TRUE(writer_->failures().empty());
  EXPECT_TRUE(imported_.empty());
  EXPECT_EQ(umount(folder.c_str()), 0);
}

// A revert by hand, long after the rewrite that it goes back to.
TEST_F(FileWriterTest, AnEditBackToAnEarlierRewriteIsAnEdit) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  dir_.Write("clip.json", FileOf("a", "1"));
  CommitTo(*store_, Edit(kClip, {Put("b", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  ASSERT_THAT(imported_, SizeIs(1));
  EXPECT_EQ(imported_[0].bytes, FileOf("a", "1"));
}

TEST_F(FileWriterTest, ARewriteThatIsDoneLeavesNoIntent) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  const int64_t document = Known(kClip).document;
  const auto intent = [&] {
    std::optional<FileIntent> found;
    EXPECT_THAT(store_->Query([&](Database& database) -> absl::Status {
      ASSIGN_OR_RETURN(found, ReadFileIntent(database, document));
      return absl::OkStatus();
    }),
                IsOk());
    return found;
  };
  {
    const ScopedFailpoint fails("projector.after_file", absl::StatusCode::kUnavailable);
    EXPECT_THAT(writer_->Settle(now_), StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_TRUE(intent().has_value());
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  EXPECT_FALSE(intent().has_value());
}

TEST_F(FileWriterTest, ARestoreThatFailsIsTriedAgainUntilItIsDone) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  ASSERT_THAT(writer_->Settle(now_), IsOk());
  dir_.Remove("clip.json");
  writer_->Restore(kClip);
  {
    const ScopedFailpoint fails("projector.after_file", absl::StatusCode::kUnavailable);
    EXPECT_EQ(writer_->Step(now_), now_ + absl::Seconds(1));
  }
  EXPECT_THAT(writer_->failures(), SizeIs(1));
  dir_.Remove("clip.json");
  EXPECT_EQ(writer_->Step(now_), now_ + absl::Seconds(1));
  EXPECT_THAT(writer_->failures(), SizeIs(1));
  EXPECT_EQ(writer_->Step(now_ + absl::Seconds(1)), absl::InfiniteFuture());
  EXPECT_EQ(dir_.Read("clip.json"), FileOf("a", "1"));
  EXPECT_TRUE(writer_->failures().empty());
}

TEST_F(FileWriterTest, ADisplacedFileThatSomebodyTookAwayIsNotWaitedFor) {
  DisplacedFiles displaced(*store_, *this, dir_.PathOf("held"), nullptr);
  displaced.Take(kClip, dir_.PathOf("clip.json.tmp.1.1.0"));
  EXPECT_TRUE(displaced.Retry());
  EXPECT_EQ(displaced.foreign_count(), 0u);
}

TEST_F(FileWriterTest, AFolderThatCannotBeWrittenHealsWhenItCan) {
  const std::string folder = dir_.PathOf("legacy");
  std::filesystem::create_directory(folder);
  if (mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "a disk that is read-only for a while needs the right to mount";
  }
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "1")}));
  EXPECT_THAT(writer_->Settle(now_), IsOk());
  ASSERT_EQ(mount("tmpfs", folder.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), 0);
  CommitTo(*store_, Edit(kLegacyClip, {Put("a", "2")}));
  EXPECT_FALSE(writer_->Settle(now_).ok());
  EXPECT_THAT(writer_->failures(), SizeIs(1));
  EXPECT_EQ(dir_.Read("legacy/clip.json"), FileOf("a", "1"));
  ASSERT_EQ(mount("tmpfs", folder.c_str(), "tmpfs", MS_REMOUNT, nullptr), 0);
  EXPECT_EQ(writer_->Step(now_ + absl::Seconds(1)), absl::InfiniteFuture());
  EXPECT_EQ(dir_.Read("legacy/clip.json"), FileOf("a", "2"));
  EXPECT_TRUE(writer_->failures().empty());
  EXPECT_EQ(umount(folder.c_str()), 0);
}

TEST_F(FileWriterTest, ALongRewriteMakesTheNextOneWait) {
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  {
    const ScopedFailpoint slow("projector.after_file", [] {
      Pause(absl::Milliseconds(50));
      return absl::OkStatus();
    });
    ASSERT_THAT(writer_->Settle(now_), IsOk());
  }
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  const absl::Time due = writer_->Step(now_);
  EXPECT_GE(due, now_ + absl::Seconds(1));
  EXPECT_LE(due, now_ + absl::Minutes(5));
}

TEST_F(FileWriterTest, WaitingForOtherProcessesDoesNotDelayTheNextRewrite) {
  const absl::Duration wait = absl::Milliseconds(300);
  FileWriter::Options options;
  options.delay = kWriteDelay;
  FileWriter writer(
      *store_, *this, options,
      [](const DocumentKey&, const std::string&) { return absl::OkStatus(); },
      [&](const std::function<void()>& exchange) {
        Pause(wait);
        exchange();
        return absl::OkStatus();
      });
  CommitTo(*store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_EQ(writer.Step(now_), now_ + kWriteDelay);
  EXPECT_EQ(writer.Step(now_ + kWriteDelay), absl::InfiniteFuture());
  CommitTo(*store_, Edit(kClip, {Put("a", "2")}));
  EXPECT_LT(writer.Step(now_ + absl::Minutes(1)), now_ + absl::Minutes(1) + options.pace * wait);
}

}  // namespace
}  // namespace modelref

// Edits that seem to remove what others only committed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/service/store/held_import_fixture.h"
#include "tests/testing/fake_backend.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CommitTo;
using ::modelref::testing::DocumentJson;
using ::modelref::testing::Edit;
using ::modelref::testing::HeldImportTest;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kFile;
using ::modelref::testing::Names;
using ::modelref::testing::PutMany;
using ::testing::SizeIs;

using HeldRemovalsTest = HeldImportTest;

// As when another process imported the file, and rewrote it, between reading and commit.
TEST_F(HeldRemovalsTest, AFileThatWasReplacedSinceItWasReadChangesNothing) {
  Write(R"({"a":{"v":"1"}})");
  const absl::StatusOr<SnapshotPtr> old = ReadDocumentFile(PathOf(), {Format::kV2, false});
  ASSERT_THAT(old, IsOk());
  Write(R"({"a":{"v":"1"},"by hand":{"v":"1"}})");
  const FileState file = File();
  const uint64_t revision = store_->root()->revision;
  EXPECT_FALSE(importer_->Offer(kClip, old, kFile));
  EXPECT_TRUE(absl::IsAborted(importer_->Take(kClip, *old, kFile)));
  EXPECT_EQ(Json(), R"({"a":{"v":"1"},"by hand":{"v":"1"}})");
  EXPECT_EQ(store_->root()->revision, revision);
  EXPECT_EQ(File().sha256, file.sha256);
  fs::remove(PathOf());
  EXPECT_FALSE(importer_->Offer(kClip, old, kFile)) << "there is none to import";
  EXPECT_EQ(store_->root()->revision, revision);
  ASSERT_THAT(WriteFileDurably(PathOf(), R"({"a":{"v":"2"}})"), IsOk());
  EXPECT_THAT(importer_->Take(kClip, *ReadDocumentFile(PathOf(), {Format::kV2, false}), kFile),
              IsOk());
  EXPECT_EQ(Json(), R"({"a":{"v":"2"}})");
}

TEST_F(HeldRemovalsTest, RecentCommitsDoNotMakeARemovalLookSmall) {
  Write(DocumentJson(Names(1, 10)));
  CommitTo(*store_, Edit(kClip, PutMany(20, "1")));
  Write(Json());  // As a rewrite would leave it.
  Write(DocumentJson(Names(1, 2)));
  EXPECT_EQ(State().document->record_count(), 30u);
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kEditHeld);
  ASSERT_THAT(Waiting(), SizeIs(1));
  EXPECT_EQ(Waiting()[0].detail,
            "the edit removes 8 of 10 models, and lacks 20 that were committed a short while ago");
}

TEST_F(HeldRemovalsTest, CommitsThatTheFileNeverHadDoNotMakeARemovalLookSmall) {
  Write(DocumentJson(Names(1, 10)));
  CommitTo(*store_, Edit(kClip, PutMany(20, "1")));
  Write(DocumentJson(Names(1, 4)));
  EXPECT_EQ(State().document->record_count(), 30u);
  EXPECT_EQ(State().freshness.cause, FreshnessCause::kEditHeld);
}

TEST_F(HeldRemovalsTest, AnEditorThatDoesNotKnowManyRecentCommitsIsTakenAtOnce) {
  Write(DocumentJson(Names(1, 10)));
  CommitTo(*store_, Edit(kClip, PutMany(20, "1")));
  Write(Json());
  Write(DocumentJson(Names(2, 11)));  // One removed, one new.
  EXPECT_EQ(State().document->record_count(), 30u);
  EXPECT_EQ(State().document->Find("m1"), nullptr);
  EXPECT_NE(State().document->Find("m11"), nullptr);
  EXPECT_FALSE(State().freshness.stale());
}

}  // namespace
}  // namespace modelref

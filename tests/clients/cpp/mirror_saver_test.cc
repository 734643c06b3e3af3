#include "clients/cpp/mirror_saver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/base/clock.h"
#include "backends/base/failpoint.h"
#include "clients/cpp/cancellation.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kDeadline;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

const std::string kEpoch(16, 'e');

MirrorCopyPtr CopyOf(const std::string& value, uint64_t revision,
                     const std::string& category = "clip") {
  auto copy = std::make_shared<MirrorCopy>();
  copy->key = {category, Format::kV2};
  copy->document = MirrorDocument::Empty()->Apply({}, {MakeMirrorRecord("m", value)});
  copy->mod_revision = revision;
  copy->revision = revision;
  copy->epoch = kEpoch;
  return copy;
}

class MirrorSaverTest : public ::testing::Test {
 protected:
  MirrorSaverTest() {
    options_.path = dir_.path();
    options_.state = [this] { return state_; };
    options_.on_saved = [this](const MirrorSaved&) { ++saved_; };
    options_.on_problem = [this](const absl::Status&) { ++problems_; };
    state_.epoch = kEpoch;
    state_.revision = 100;
  }
  // A saver of the folder as it is.
  void Start() {
    absl::StatusOr<std::unique_ptr<MirrorDirectory>> directory = MirrorDirectory::Open(dir_.path());
    std::vector<MirrorManifestEntry> held;
    for (const MirrorCopy& copy : ReadMirrorDirectory(dir_.path()).copies) {
      held.push_back(ManifestEntryOf(copy));
    }
    saver_ = std::make_unique<MirrorSaver>(options_,
                                           directory.ok() ? *std::move(directory) : nullptr, held);
  }
  // What the file of clip holds; empty: there is none.
  std::string OnDisk() const {
    const MirrorContent content = ReadMirrorDirectory(dir_.path());
    return content.copies.empty() ? "" : content.copies[0].document->Find("m")->json;
  }

  TempDir dir_;
  MirrorSaver::State state_;
  std::atomic<int> saved_ = 0;
  std::atomic<int> problems_ = 0;
  MirrorSaver::Options options_;
  std::unique_ptr<MirrorSaver> saver_;
};

TEST_F(MirrorSaverTest, WritesByItselfAndTheManifestAfterwards) {
  Start();
  saver_->Save(CopyOf("1", 50));
  const absl::Time end = MonotonicClock().TimeNow() + kDeadline;
  Cancellation never;
  while (!ReadMirrorDirectory(dir_.path()).manifest.ok() && MonotonicClock().TimeNow() < end) {
    never.WaitFor(absl::Milliseconds(5));
  }
  const MirrorContent content = ReadMirrorDirectory(dir_.path());
  ASSERT_THAT(content.manifest, IsOk());
  ASSERT_EQ(content.manifest->documents.size(), 1u);
  EXPECT_EQ(content.manifest->revision, 100u);
  EXPECT_EQ(OnDisk(), "1");
}

TEST_F(MirrorSaverTest, ChangesInARowAreWrittenOnce) {
  Start();
  for (int i = 0; i < 50; ++i) saver_->Save(CopyOf(std::to_string(i), 50 + i));
  EXPECT_THAT(saver_->Flush(), IsOk());
  EXPECT_EQ(OnDisk(), "49");
  EXPECT_EQ(saved_, 1);
}

TEST_F(MirrorSaverTest, EndWritesWhatWaits) {
  Start();
  saver_->Save(CopyOf("1", 50));
  saver_.reset();
  EXPECT_EQ(OnDisk(), "1");
  Start();
  saver_->Remove({"clip", Format::kV2});
  saver_.reset();
  EXPECT_EQ(OnDisk(), "");
}

TEST_F(MirrorSaverTest, SameContentIsNotWrittenAgainButItsPositionIsTold) {
  Start();
  saver_->Save(CopyOf("1", 50));
  ASSERT_THAT(saver_->Flush(), IsOk());
  state_.shown = {CopyOf("1", 99)};
  saver_->Save(CopyOf("1", 99));
  ASSERT_THAT(saver_->Flush(), IsOk());
  EXPECT_EQ(saved_, 1);
  EXPECT_EQ(ReadMirrorDirectory(dir_.path()).copies[0].revision, 99u);
}

TEST_F(MirrorSaverTest, FolderOfAnotherWriterIsLeftAloneUntilThatEnds) {
  auto other = *MirrorDirectory::Open(dir_.path());
  Start();
  EXPECT_FALSE(saver_->writable());
  saver_->Save(CopyOf("mine", 50));
  EXPECT_THAT(saver_->Flush(), HasReason("COPY_IN_USE"));
  EXPECT_EQ(OnDisk(), "");
  EXPECT_THAT(saver_->last_error(), HasReason("COPY_IN_USE"));
  other.reset();
  EXPECT_THAT(saver_->Flush(), IsOk());
  EXPECT_TRUE(saver_->writable());
  EXPECT_EQ(OnDisk(), "mine");
}

TEST_F(MirrorSaverTest, WhatAnotherWriterLeftAndIsNewerStays) {
  auto other = *MirrorDirectory::Open(dir_.path());
  Start();
  saver_->Save(CopyOf("old", 50));
  saver_->Remove({"esrgan", Format::kV2});
  ASSERT_THAT(other->Save(*CopyOf("new", 60)), IsOk());
  ASSERT_THAT(other->Save(*CopyOf("kept", 200, "esrgan")), IsOk());
  other.reset();
  EXPECT_THAT(saver_->Flush(), IsOk());
  EXPECT_EQ(OnDisk(), "new");
  EXPECT_EQ(ReadMirrorDirectory(dir_.path()).copies.size(), 2u);
}

TEST_F(MirrorSaverTest, FullDiskIsToldOnceAndTheWriteIsNotForgotten) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "not run: failpoints are compiled out";
  Start();
  saver_->Save(CopyOf("1", 50));
  {
    const ScopedFailpoint full("file.after_temp", absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(saver_->Flush(), StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(saver_->Flush(), StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(problems_, 1);
    EXPECT_EQ(OnDisk(), "");
  }
  EXPECT_THAT(saver_->Flush(), IsOk());
  EXPECT_EQ(OnDisk(), "1");
  EXPECT_THAT(saver_->last_error(), IsOk());
}

}  // namespace
}  // namespace modelref

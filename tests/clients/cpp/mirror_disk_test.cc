// The copy that a Mirror keeps on disk: it boots without a server, never from damaged bytes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/mirror_directory.h"
#include "clients/cpp/mirror_file.h"
#include "tests/clients/cpp/mirror_fixture.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {
namespace {

class MirrorDiskTest : public MirrorTest {
 protected:
  MirrorDiskTest() {
    options_.directory = dir_.path();
    options_.on_problem = [this](const absl::Status& problem) {
      MutexLock lock(&mutex_);
      problems_.push_back(problem);
    };
  }
  ~MirrorDiskTest() override { mirror_.reset(); }

  // A mirror that has everything, and has written it.
  void Fill() {
    OpenMirror();
    ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
    ASSERT_THAT(mirror_->Flush(), IsOk());
  }
  void StopServer() {
    port_ = server_->port();
    server_.reset();
  }
  std::vector<absl::Status> problems() {
    MutexLock lock(&mutex_);
    return problems_;
  }

  TempDir dir_;
  int port_ = 0;
  Mutex mutex_;
  std::vector<absl::Status> problems_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(MirrorDiskTest, BootsWithoutAServerAndTellsItsAge) {
  Fill();
  mirror_.reset();
  StopServer();
  OpenMirror();
  EXPECT_EQ(Shown("clip"), R"({"a":1,"b":2})");
  EXPECT_EQ(Shown("esrgan"), R"({"e":{"size":1.50}})");
  const MirrorStatus status = mirror_->status();
  EXPECT_EQ(status.state, SyncState::kStale);
  EXPECT_EQ(status.documents, 2u);
  EXPECT_GT(status.age, absl::ZeroDuration());
  EXPECT_LT(status.age, kDeadline);
  EXPECT_TRUE(problems().empty());
}

TEST_F(MirrorDiskTest, AgeIsKeptOverRestartsWithoutAServer) {
  Fill();
  mirror_.reset();
  StopServer();
  MirrorManifest manifest = *ReadMirrorDirectory(dir_.path()).manifest;
  manifest.confirmed -= absl::Hours(24);
  ASSERT_THAT((*MirrorDirectory::Open(dir_.path()))->SaveManifest(manifest), IsOk());
  for (int restart = 0; restart < 3; ++restart) {
    OpenMirror();
    EXPECT_GE(mirror_->status().age, absl::Hours(24));
    EXPECT_LT(mirror_->status().age, absl::Hours(25));
    EXPECT_EQ(Shown("clip"), R"({"a":1,"b":2})");
    mirror_.reset();
  }
}

TEST_F(MirrorDiskTest, BootedCopyIsBroughtUpToDateByADelta) {
  Fill();
  mirror_.reset();
  catalogue_.Commit("clip", {"a"}, {{"z", "1"}});
  const int transfers = catalogue_.counts().transfers;
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  EXPECT_EQ(Shown("clip"), R"({"b":2,"z":1})");
  EXPECT_EQ(catalogue_.counts().transfers, transfers);
  EXPECT_EQ(catalogue_.counts().deltas, 1);
}

TEST_F(MirrorDiskTest, ServerThatComesBackIsFollowedAgain) {
  Fill();
  mirror_.reset();
  StopServer();
  OpenMirror();
  catalogue_.Commit("clip", {}, {{"new", "1"}});
  server_ = std::make_unique<FakeServer>(catalogue_.Handlers(), port_);
  EXPECT_TRUE(Eventually([&] { return Shown("clip") == R"({"a":1,"b":2,"new":1})"; }));
  EXPECT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  EXPECT_LT(mirror_->status().age, absl::Seconds(30));
}

TEST_F(MirrorDiskTest, DamageAtAnyByteIsToldAndTheRestIsShown) {
  Fill();
  mirror_.reset();
  StopServer();
  const std::string good = dir_.Read("clip.v2.json");
  options_.timing.interval = absl::Hours(1);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x20);
    dir_.Write("clip.v2.json", i % 2 == 0 ? bad : good.substr(0, i));
    {
      MutexLock lock(&mutex_);
      problems_.clear();
    }
    OpenMirror();
    ASSERT_EQ(mirror_->Find(kClip), nullptr) << i;
    ASSERT_NE(mirror_->Find(kEsrgan), nullptr) << i;
    ASSERT_EQ(problems().size(), 1u);
    ASSERT_THAT(problems()[0], HasReason(kDamagedCopy));
    ASSERT_TRUE(absl::StrContains(problems()[0].message(), "clip.v2.json"));
    mirror_.reset();
  }
}

TEST_F(MirrorDiskTest, DamagedFileIsFetchedAnewAndWrittenAgain) {
  Fill();
  mirror_.reset();
  const std::string good = dir_.Read("clip.v2.json");
  dir_.Write("clip.v2.json", "damaged");
  dir_.Write("manifest.json", "{}");
  OpenMirror();
  EXPECT_EQ(problems().size(), 2u);
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  EXPECT_EQ(Shown("clip"), R"({"a":1,"b":2})");
  ASSERT_THAT(mirror_->Flush(), IsOk());
  EXPECT_EQ(ReadMirrorDirectory(dir_.path()).copies.size(), 2u);
  EXPECT_THAT(ReadMirrorDirectory(dir_.path()).manifest, IsOk());
}

TEST_F(MirrorDiskTest, DocumentsThatTheServerDeletedLeaveNoFiles) {
  Fill();
  mirror_.reset();
  dir_.Write("gfpgan.v2.json", "damaged, and of no document");
  catalogue_.Remove("esrgan");
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  ASSERT_THAT(mirror_->Flush(), IsOk());
  EXPECT_FALSE(dir_.Exists("esrgan.v2.json"));
  EXPECT_FALSE(dir_.Exists("gfpgan.v2.json"));
  EXPECT_TRUE(dir_.Exists("clip.v2.json"));
}

TEST_F(MirrorDiskTest, FilesThatAreNotAskedForAreLeftAlone) {
  Fill();
  mirror_.reset();
  catalogue_.Remove("esrgan");
  options_.filter.add_categories("clip");
  OpenMirror();
  ASSERT_TRUE(mirror_->WaitUntilSynced(kDeadline));
  ASSERT_THAT(mirror_->Flush(), IsOk());
  EXPECT_EQ(mirror_->Find(kEsrgan), nullptr);
  EXPECT_TRUE(dir_.Exists("esrgan.v2.json"));
  EXPECT_EQ(ReadMirrorDirectory(dir_.path()).manifest->documents.size(), 2u);
}

TEST_F(MirrorDiskTest, SecondMirrorOfAFolderReadsItAndFollowsTheServerWithoutWriting) {
  Fill();
  absl::StatusOr<std::unique_ptr<Mirror>> second = Mirror::Open(client_.get(), options_);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ((*second)->view()->size(), 2u);
  ASSERT_TRUE((*second)->WaitUntilSynced(kDeadline));
  EXPECT_TRUE(mirror_->status().writable);
  EXPECT_FALSE((*second)->status().writable);
  EXPECT_THAT((*second)->Flush(), HasReason("COPY_IN_USE"));
  // It takes over when the writer ends.
  mirror_.reset();
  catalogue_.Commit("clip", {}, {{"z", "1"}});
  EXPECT_TRUE(Eventually([&] {
    const MirrorCopyPtr copy = (*second)->Find(kClip);
    return copy->document->Find("z") != nullptr;
  }));
  EXPECT_THAT((*second)->Flush(), IsOk());
  EXPECT_TRUE((*second)->status().writable);
  EXPECT_NE(dir_.Read("clip.v2.json").find("\"z\":1"), std::string::npos);
}

TEST_F(MirrorDiskTest, FolderThatCannotBeMadeIsAnErrorAtOnce) {
  dir_.Write("file", "in the way");
  options_.directory = dir_.PathOf("file/copy");
  EXPECT_FALSE(Mirror::Open(client_.get(), options_).ok());
}

TEST_F(MirrorDiskTest, WhatWasWrittenIsTold) {
  std::vector<std::string> saved;
  options_.on_saved = [&](const MirrorSaved& document) {
    MutexLock lock(&mutex_);
    saved.push_back(absl::StrCat(document.entry.has_value() ? "+" : "-", document.key.category));
  };
  Fill();
  catalogue_.Remove("esrgan");
  ASSERT_TRUE(Eventually([&] { return mirror_->Find(kEsrgan) == nullptr; }));
  ASSERT_THAT(mirror_->Flush(), IsOk());
  EXPECT_THAT(saved, ::testing::UnorderedElementsAre("+clip", "+esrgan", "-esrgan"));
  mirror_.reset();
}

}  // namespace
}  // namespace modelref::testing

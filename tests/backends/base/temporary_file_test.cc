#include "backends/base/temporary_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/failpoint.h"
#include "backends/base/file_identity.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::HasSubstr;

std::string NameOf(const std::string& path) { return std::filesystem::path(path).filename(); }

TEST(TemporaryFileTest, HoldsTheBytesUnderANameThatSaysWhatItIs) {
  TempDir dir;
  ASSERT_OK_AND_ASSIGN(const TemporaryFile file, TemporaryFile::Write(dir.PathOf("a.json"), "{}"));
  EXPECT_EQ(dir.Read(NameOf(file.path())), "{}");
  ASSERT_OK_AND_ASSIGN(const FileIdentity identity, IdentifyFile(file.path()));
  const std::optional<TemporaryName> name = ParseTemporaryName(NameOf(file.path()));
  ASSERT_TRUE(name.has_value()) << file.path();
  EXPECT_EQ(name->target, "a.json");
  EXPECT_EQ(name->pid, getpid());
  EXPECT_EQ(name->inode, identity.inode);
  EXPECT_EQ(KindOf(*name, identity.inode), TemporaryKind::kPartial);
  EXPECT_EQ(KindOf(*name, identity.inode + 1), TemporaryKind::kDisplaced);
}

TEST(TemporaryFileTest, IsRemovedAtItsEndUnlessItWasReleased) {
  TempDir dir;
  std::string path;
  {
    ASSERT_OK_AND_ASSIGN(TemporaryFile file, TemporaryFile::Write(dir.PathOf("f"), "x"));
    TemporaryFile moved = std::move(file);
    path = moved.path();
    EXPECT_TRUE(dir.Exists(NameOf(path)));
    EXPECT_TRUE(IsTemporaryInUse(path));
  }
  EXPECT_FALSE(dir.Exists(NameOf(path)));
  EXPECT_FALSE(IsTemporaryInUse(path));
  {
    ASSERT_OK_AND_ASSIGN(TemporaryFile file, TemporaryFile::Write(dir.PathOf("f"), "x"));
    path = file.path();
    file.Release();
  }
  EXPECT_TRUE(dir.Exists(NameOf(path)));
  EXPECT_FALSE(IsTemporaryInUse(path));
}

TEST(TemporaryFileTest, SeveralOfOneTargetHaveDifferentNames) {
  TempDir dir;
  ASSERT_OK_AND_ASSIGN(const TemporaryFile a, TemporaryFile::Write(dir.PathOf("f"), "a"));
  ASSERT_OK_AND_ASSIGN(const TemporaryFile b, TemporaryFile::Write(dir.PathOf("f"), "b"));
  EXPECT_NE(a.path(), b.path());
  EXPECT_EQ(dir.Read(NameOf(a.path())), "a");
  EXPECT_EQ(dir.Read(NameOf(b.path())), "b");
}

TEST(TemporaryFileTest, TheNameTellsTheRevisionOfTheContent) {
  TempDir dir;
  ASSERT_OK_AND_ASSIGN(const TemporaryFile file, TemporaryFile::Write(dir.PathOf("f"), "x", 17));
  const auto name = ParseTemporaryName(NameOf(file.path()));
  ASSERT_TRUE(name.has_value()) << file.path();
  EXPECT_EQ(name->revision, 17u);
}

TEST(TemporaryFileTest, AFailureLeavesNothing) {
  if (!FailpointsBuilt()) GTEST_SKIP() << "this build has no failpoints";
  TempDir dir;
  for (const char* step : {"file.after_temp", "file.after_fsync"}) {
    ScopedFailpoint point(step, absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(TemporaryFile::Write(dir.PathOf("f"), "x"),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(point.hits(), 1);
    EXPECT_TRUE(std::filesystem::is_empty(dir.path())) << step;
  }
  EXPECT_THAT(TemporaryFile::Write(dir.PathOf("none/f"), "x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("create")));
}

TEST(TemporaryNameTest, EveryFormIsUnderstood) {
  const auto partial = ParseTemporaryName("a.json.tmp.12.new.3");
  ASSERT_TRUE(partial.has_value());
  EXPECT_EQ(partial->target, "a.json");
  EXPECT_EQ(partial->pid, 12);
  EXPECT_EQ(KindOf(*partial, 3), TemporaryKind::kPartial);

  const auto content = ParseTemporaryName("x.tmp.1.2.3.tmp.12.34.5");
  ASSERT_TRUE(content.has_value());
  EXPECT_EQ(content->target, "x.tmp.1.2.3");
  EXPECT_EQ(KindOf(*content, 34), TemporaryKind::kPartial);
  EXPECT_EQ(KindOf(*content, 35), TemporaryKind::kDisplaced);

  const auto old = ParseTemporaryName("f.tmp.12.34.5.old");
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->target, "f");
  EXPECT_EQ(old->revision, std::nullopt);
  EXPECT_EQ(KindOf(*old, 34), TemporaryKind::kDisplaced);

  const auto of_revision = ParseTemporaryName("f.tmp.12.34.5r6.old");
  ASSERT_TRUE(of_revision.has_value());
  EXPECT_TRUE(of_revision->is_old);
  EXPECT_EQ(of_revision->revision, 6u);
}

TEST(TemporaryNameTest, OtherNamesAreNobodysTemporaryFiles) {
  for (const char* name : {"",
                           "a.json",
                           ".tmp.1.2.3",
                           "f.tmp",
                           "f.tmp.",
                           "f.tmp.1",
                           "f.tmp.1.2",
                           "f.tmp.0.2.3",
                           "f.tmp.-1.2.3",
                           "f.tmp.x.2.3",
                           "f.tmp.1.x.3",
                           "f.tmp.1.2.x",
                           "f.tmp.1.2.3.4",
                           "f.tmp.1.new",
                           "f.tmp.1.new.x",
                           "f.tmp.1.new.3.old",
                           "f.tmp.1.2.3.old.1",
                           "f.tmp.1..3",
                           "f.tmp.1.2.r3",
                           "f.tmp.1.2.3r",
                           "f.tmp.1.2.3r4r5",
                           "f.tmp.1.2.3r-1"}) {
    EXPECT_FALSE(ParseTemporaryName(name).has_value()) << name;
  }
}

// The three ways to rename, each by what is made to look unsupported.
class RenameIfAbsentTest : public ::testing::TestWithParam<std::vector<const char*>> {
 protected:
  void SetUp() override {
    if (!FailpointsBuilt() && !GetParam().empty()) GTEST_SKIP() << "this build has no failpoints";
    for (const char* name : GetParam()) {
      points_.push_back(std::make_unique<ScopedFailpoint>(name, absl::StatusCode::kUnimplemented));
    }
  }
  std::vector<std::unique_ptr<ScopedFailpoint>> points_;
  TempDir dir_;
};

TEST_P(RenameIfAbsentTest, RenamesToANameThatIsFree) {
  dir_.Write("from", "x");
  EXPECT_THAT(RenameIfAbsent(dir_.PathOf("from"), dir_.PathOf("to")), IsOk());
  EXPECT_EQ(dir_.Read("to"), "x");
  EXPECT_FALSE(dir_.Exists("from"));
  for (const auto& point : points_) EXPECT_EQ(point->hits(), 1);
}

TEST_P(RenameIfAbsentTest, NeverReplacesWhatIsThere) {
  dir_.Write("from", "x");
  dir_.Write("to", "kept");
  std::filesystem::create_symlink("nowhere", dir_.PathOf("dangling"));
  for (const char* target : {"to", "dangling"}) {
    EXPECT_THAT(RenameIfAbsent(dir_.PathOf("from"), dir_.PathOf(target)),
                StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(target)));
  }
  EXPECT_EQ(dir_.Read("to"), "kept");
  EXPECT_EQ(dir_.Read("from"), "x");
}

TEST_P(RenameIfAbsentTest, NamesWhatIsMissing) {
  EXPECT_THAT(RenameIfAbsent(dir_.PathOf("none"), dir_.PathOf("to")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

INSTANTIATE_TEST_SUITE_P(
    Ways, RenameIfAbsentTest,
    ::testing::Values(std::vector<const char*>{}, std::vector<const char*>{"file.no_rename_flags"},
                      std::vector<const char*>{"file.no_rename_flags", "file.no_links"}));

}  // namespace
}  // namespace modelref

#include "service/store/files_in_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::HasSubstr;

TEST(FilesInPlaceTest, AFileThatWasReplacedOrRemovedIsNamed) {
  TempDir dir;
  dir.Write("a", "1");
  dir.Write("b", "1");
  const FilesInPlace files({dir.PathOf("a"), dir.PathOf("b"), dir.PathOf("never there")});
  EXPECT_THAT(files.Check(), IsOk());
  std::filesystem::rename(dir.PathOf("b"), dir.PathOf("elsewhere"));
  EXPECT_THAT(files.Check(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(files.Check().message(), HasSubstr("b was removed"));
  dir.Write("b", "1");
  EXPECT_THAT(files.Check().message(), HasSubstr("b was replaced"));
  std::filesystem::rename(dir.PathOf("elsewhere"), dir.PathOf("b"));
  EXPECT_THAT(files.Check(), IsOk());
}

TEST(FilesInPlaceTest, WhatCannotBeLookedAtIsNotTakenForGone) {
  TempDir dir;
  dir.Write("a", "1");
  struct stat open;
  ASSERT_EQ(stat(dir.PathOf("a").c_str(), &open), 0);
  const std::string endless = dir.PathOf("loop");
  std::filesystem::create_symlink(endless, endless);
  EXPECT_THAT(CheckSameFile(endless, open), IsOk());
  EXPECT_THAT(CheckSameFile(dir.PathOf("a"), open), IsOk());
  EXPECT_THAT(CheckSameFile(dir.PathOf("a/b"), open), StatusIs(absl::StatusCode::kAborted));
}

}  // namespace
}  // namespace modelref

#include "service/store/displaced_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::TempDir;

class KeptFilesTest : public ::testing::Test {
 protected:
  std::string Keep(const std::string& content) {
    dir_.Write("found", content);
    const absl::StatusOr<std::string> kept =
        KeepFile(dir_.PathOf("found"), dir_.PathOf("held"), "displaced-clip.v2", Sha256(content));
    EXPECT_TRUE(kept.ok()) << kept.status();
    return kept.value_or("");
  }

  TempDir dir_;
};

TEST_F(KeptFilesTest, TheSameContentIsKeptOnce) {
  EXPECT_EQ(Keep("a"), Keep("a"));
  EXPECT_NE(Keep("a"), Keep("b"));
}

TEST_F(KeptFilesTest, OnlyTheNewestAreLeftAndNothingElseIsTouched) {
  dir_.Write("held/0123456789abcdef", "waits for an operator");
  std::vector<std::string> kept;
  for (int i = 0; i < 5; ++i) {
    kept.push_back(Keep(absl::StrCat(i)));
    Pause(absl::Milliseconds(20));  // The time of a file system is coarse.
  }
  PruneKeptFiles(dir_.PathOf("held"), "displaced-", 2, absl::InfiniteDuration());
  for (size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(std::filesystem::exists(kept[i]), i >= 3) << i;
  }
  EXPECT_TRUE(dir_.Exists("held/0123456789abcdef"));
}

TEST_F(KeptFilesTest, OldOnesGoHoweverFewThereAre) {
  const std::string old = Keep("old");
  Pause(absl::Milliseconds(20));
  const std::string fresh = Keep("new");
  PruneKeptFiles(dir_.PathOf("held"), "displaced-", 100, absl::Milliseconds(1));
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(fresh));
}

TEST_F(KeptFilesTest, NoFolderIsFine) { PruneKeptFiles(dir_.PathOf("none"), "x", 1, {}); }

}  // namespace
}  // namespace modelref

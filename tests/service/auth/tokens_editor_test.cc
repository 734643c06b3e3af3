#include "service/auth/tokens_editor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/small_disk.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

class TokensEditorTest : public ::testing::Test {
 protected:
  absl::StatusOr<CreatedToken> Create(const std::string& id, Role role = Role::kReader,
                                      const std::string& name = "") {
    return CreateToken(path_, {id, name, role}, kNow);
  }

  testing::TempDir dir_;
  const std::string path_ = dir_.PathOf("tokens.jsonl");
};

TEST_F(TokensEditorTest, TheFirstTokenMakesTheFileForItsOwnerAlone) {
  ASSERT_OK_AND_ASSIGN(const CreatedToken created, Create("ci", Role::kApprover));
  EXPECT_EQ(ModeOf(path_), 0600u);
  EXPECT_EQ(created.entry.sha256, Sha256(created.secret));
  EXPECT_EQ(created.entry.created, kNow);
  ASSERT_OK_AND_ASSIGN(const std::vector<TokenEntry> listed, ListTokens(path_));
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_EQ(listed[0], created.entry);
  EXPECT_EQ(dir_.Read("tokens.jsonl").find(created.secret), std::string::npos);
  EXPECT_FALSE(dir_.Exists("tokens.jsonl.new"));
}

TEST_F(TokensEditorTest, AFileKeepsItsModeAndItsLink) {
  ASSERT_THAT(Create("one"), IsOk());
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  const std::string link = dir_.PathOf("link");
  ASSERT_EQ(symlink("tokens.jsonl", link.c_str()), 0);
  ASSERT_THAT(CreateToken(link, {"two", "", Role::kReader}, kNow), IsOk());
  EXPECT_EQ(ModeOf(path_), 0640u);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_THAT(*ListTokens(path_), SizeIs(2));
}

TEST_F(TokensEditorTest, AnOwnerKeepsAFileThatRootChanges) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_THAT(Create("one"), IsOk());
  ASSERT_EQ(chown(path_.c_str(), 65534, 65533), 0);
  ASSERT_THAT(Create("two"), IsOk());
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 65534u);
  EXPECT_EQ(info.st_gid, 65533u);
}

TEST_F(TokensEditorTest, TokensOfOneIdShareNameAndRole) {
  ASSERT_THAT(Create("ann", Role::kAdmin, "Ann"), IsOk());
  EXPECT_THAT(Create("ann", Role::kReader), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Create("ann", Role::kAdmin, "Anna"), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK_AND_ASSIGN(const CreatedToken second, Create("ann", Role::kAdmin));
  EXPECT_EQ(second.entry.name, "Ann");
  EXPECT_THAT(*ListTokens(path_), SizeIs(2));
}

TEST_F(TokensEditorTest, TokensAreRevokedByIdAndOneByFingerprint) {
  ASSERT_OK_AND_ASSIGN(const CreatedToken old, Create("ann"));
  ASSERT_OK_AND_ASSIGN(const CreatedToken fresh, Create("ann"));
  ASSERT_THAT(Create("bob"), IsOk());
  ASSERT_OK_AND_ASSIGN(auto revoked, RevokeTokens(path_, TokenFingerprint(old.entry)));
  ASSERT_THAT(revoked, SizeIs(1));
  EXPECT_EQ(revoked[0], old.entry);
  ASSERT_THAT(Create("ann"), IsOk());
  ASSERT_OK_AND_ASSIGN(revoked, RevokeTokens(path_, "ann"));
  EXPECT_THAT(revoked, SizeIs(2));
  ASSERT_THAT(*ListTokens(path_), SizeIs(1));
  EXPECT_THAT(RevokeTokens(path_, "ann"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(RevokeTokens(path_, ""), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(*ListTokens(path_), SizeIs(1));
}

TEST_F(TokensEditorTest, AFileThatCannotBeReadIsLeftAlone) {
  dir_.Write("tokens.jsonl", "{\"id\":");
  EXPECT_THAT(Create("one"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(RevokeTokens(path_, "one"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(dir_.Read("tokens.jsonl"), "{\"id\":");
  EXPECT_THAT(ListTokens(dir_.PathOf("none")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(RevokeTokens(dir_.PathOf("none"), "a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(CreateToken(dir_.PathOf("no/folder"), {"a", "", Role::kReader}, kNow),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(Create("bad id").ok());
}

TEST_F(TokensEditorTest, AFileThatNoServerTakesIsNotChanged) {
  ASSERT_THAT(Create("one"), IsOk());
  const std::string before = dir_.Read("tokens.jsonl");
  for (const mode_t mode : {0620, 0602, 0666}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    EXPECT_THAT(RevokeTokens(path_, "one"),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("chmod go-w")));
    EXPECT_THAT(RevokeTokens(path_, "one"), HasReason("TOKENS_FILE"));
    EXPECT_THAT(Create("two"), HasReason("TOKENS_FILE"));
    EXPECT_EQ(dir_.Read("tokens.jsonl"), before);
  }
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_THAT(RevokeTokens(path_, "one"), IsOk());
}

TEST_F(TokensEditorTest, NobodyWaitsForEverForALock) {
  ASSERT_THAT(Create("one"), IsOk());
  const int folder = open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(flock(folder, LOCK_EX), 0);
  const absl::Duration patience = absl::Milliseconds(50);
  EXPECT_THAT(CreateToken(path_, {"two", "", Role::kReader}, kNow, patience),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("nothing was changed")));
  EXPECT_THAT(RevokeTokens(path_, "one", patience), StatusIs(absl::StatusCode::kUnavailable));
  std::thread waits([this] { EXPECT_THAT(Create("three"), IsOk()); });
  close(folder);
  waits.join();
  EXPECT_THAT(*ListTokens(path_), SizeIs(2));
}

TEST_F(TokensEditorTest, NamesThatTheServerUsesItselfAreNoIds) {
  for (const char* id : {"anonymous", "system:projector", "system:", "external:file"}) {
    EXPECT_THAT(Create(id), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("reserved")));
  }
  for (const char* id : {"anonymous2", "systems", "external"}) EXPECT_THAT(Create(id), IsOk());
}

TEST_F(TokensEditorTest, WhatAKilledProgramLeftIsInNobodysWay) {
  ASSERT_THAT(Create("one"), IsOk());
  dir_.Write("tokens.jsonl.new", "half of a li");
  ASSERT_THAT(Create("two"), IsOk());
  EXPECT_THAT(*ListTokens(path_), SizeIs(2));
  EXPECT_FALSE(dir_.Exists("tokens.jsonl.new"));
}

TEST_F(TokensEditorTest, OperatorsAtTheSameTimeLoseNothing) {
  std::vector<std::thread> operators;
  for (int i = 0; i < 4; ++i) {
    operators.emplace_back([this, i] {
      for (int token = 0; token < 10; ++token) {
        EXPECT_THAT(Create(absl::StrCat("id-", i, "-", token)), IsOk());
      }
      EXPECT_THAT(RevokeTokens(path_, absl::StrCat("id-", i, "-0")), IsOk());
    });
  }
  for (std::thread& one : operators) one.join();
  EXPECT_THAT(*ListTokens(path_), SizeIs(36));
}

TEST_F(TokensEditorTest, AFullDiskLeavesTheOldFile) {
  testing::SmallDisk disk(1 << 20);
  if (!disk.is_mounted()) GTEST_SKIP() << disk.why_not();
  const std::string path = disk.folder().PathOf("tokens.jsonl");
  ASSERT_THAT(CreateToken(path, {"one", "", Role::kReader}, kNow), IsOk());
  disk.Fill();
  EXPECT_THAT(CreateToken(path, {"two", "", Role::kReader}, kNow),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(*ListTokens(path), SizeIs(1));
  EXPECT_FALSE(disk.folder().Exists("tokens.jsonl.new"));
  disk.Heal();
  EXPECT_THAT(CreateToken(path, {"two", "", Role::kReader}, kNow), IsOk());
}

}  // namespace
}  // namespace modelref

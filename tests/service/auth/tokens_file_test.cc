#include "service/auth/tokens_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

TokenEntry Entry(const std::string& secret, Role role,
                 absl::Time expires = absl::InfiniteFuture()) {
  TokenEntry entry;
  entry.sha256 = Sha256(secret);
  entry.id = absl::StrCat("id-of-", secret);
  entry.name = "somebody";
  entry.role = role;
  entry.expires = expires;
  return entry;
}

class TokensFileTest : public ::testing::Test {
 protected:
  void Write(const std::vector<TokenEntry>& entries) { WriteText(FormatTokens(entries)); }
  void WriteText(const std::string& text) {
    dir_.Write("tokens", text);
    chmod(path_.c_str(), 0600);
  }
  std::unique_ptr<TokensFile> Open() {
    absl::StatusOr<std::unique_ptr<TokensFile>> file = TokensFile::Open(path_, clock_);
    EXPECT_THAT(file, IsOk());
    return *std::move(file);
  }

  testing::TempDir dir_;
  const std::string path_ = dir_.PathOf("tokens");
  testing::FakeClock clock_;
};

TEST_F(TokensFileTest, ATokenIsFoundByItsSecret) {
  Write({Entry("one", Role::kApprover), Entry("two", Role::kWorker)});
  const auto file = Open();
  const auto caller = file->Find("one");
  ASSERT_TRUE(caller.has_value());
  ASSERT_THAT(*caller, IsOk());
  EXPECT_EQ((*caller)->id, "id-of-one");
  EXPECT_EQ((*caller)->name, "somebody");
  EXPECT_EQ((*caller)->role, Role::kApprover);
  EXPECT_EQ((*caller)->source, IdentitySource::kToken);
  EXPECT_EQ((*caller)->expires, absl::InfiniteFuture());
  EXPECT_EQ((**file->Find("two")).role, Role::kWorker);
  for (const char* unknown : {"", "on", "one ", "three", "id-of-one"}) {
    EXPECT_FALSE(file->Find(unknown).has_value()) << unknown;
  }
}

TEST_F(TokensFileTest, TheSumOfATokenIsNoToken) {
  Write({Entry("one", Role::kAdmin)});
  const Sha256Digest sum = Sha256("one");
  EXPECT_FALSE(Open()->Find(ToHex(AsBytes(sum))).has_value());
  EXPECT_FALSE(Open()->Find(AsBytes(sum)).has_value());
}

TEST_F(TokensFileTest, AServerDoesNotStartWithoutItsTokens) {
  EXPECT_THAT(TokensFile::Open(path_, clock_), HasReason("TOKENS_FILE"));
  WriteText("{}");
  EXPECT_THAT(TokensFile::Open(path_, clock_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("line 1")));
  EXPECT_THAT(TokensFile::Open(dir_.path(), clock_), HasReason("TOKENS_FILE"));
  ASSERT_EQ(mkfifo(dir_.PathOf("fifo").c_str(), 0600), 0);
  EXPECT_THAT(TokensFile::Open(dir_.PathOf("fifo"), clock_), HasReason("TOKENS_FILE"));
}

TEST_F(TokensFileTest, AFileThatOthersMayWriteIsRefused) {
  Write({});
  for (const mode_t mode : {0600, 0640, 0644, 0400, 0444}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    EXPECT_THAT(TokensFile::Open(path_, clock_), IsOk()) << mode;
  }
  for (const mode_t mode : {0620, 0602, 0666, 0660}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    EXPECT_THAT(TokensFile::Open(path_, clock_),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("chmod go-w")))
        << mode;
  }
}

TEST_F(TokensFileTest, AFileOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  Write({});
  ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
  EXPECT_THAT(TokensFile::Open(path_, clock_), HasReason("TOKENS_FILE"));
}

TEST_F(TokensFileTest, AnotherFileIsTakenAtTheNextLook) {
  Write({Entry("one", Role::kReader)});
  const auto file = Open();
  EXPECT_FALSE(file->Look()) << "nothing changed";
  Write({Entry("two", Role::kAdmin)});
  EXPECT_TRUE(file->Look());
  EXPECT_FALSE(file->Find("one").has_value());
  EXPECT_TRUE(file->Find("two").has_value());
  EXPECT_FALSE(file->Look());
  EXPECT_EQ(file->status().loads, 2u);
  EXPECT_EQ(file->status().tokens, 1u);
}

TEST_F(TokensFileTest, AChangeInPlaceWithinTheSameMomentIsNoticed) {
  Write({Entry("one", Role::kReader)});
  const auto file = Open();
  struct stat before;
  ASSERT_EQ(stat(path_.c_str(), &before), 0);
  clock_.Advance(absl::TimeFromTimespec(before.st_mtim) - clock_.TimeNow());
  const std::string other = FormatTokens({Entry("two", Role::kReader)});
  FILE* const opened = fopen(path_.c_str(), "r+");
  ASSERT_NE(opened, nullptr);
  ASSERT_EQ(fwrite(other.data(), 1, other.size(), opened), other.size());
  fclose(opened);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  EXPECT_TRUE(file->Look());
  EXPECT_TRUE(file->Find("two").has_value());
}

TEST_F(TokensFileTest, AFileThatCannotBeUsedChangesNothingAndIsTold) {
  Write({Entry("one", Role::kReader)});
  const auto file = Open();
  const std::function<void()> damages[] = {
      [this] { WriteText("{\"id\":"); },
      [this] { dir_.Remove("tokens"); },
      [this] {
        WriteText("");
        chmod(path_.c_str(), 0666);
      },
  };
  for (const auto& damage : damages) {
    damage();
    EXPECT_FALSE(file->Look());
    EXPECT_FALSE(file->Look());
    EXPECT_TRUE(file->Find("one").has_value());
    EXPECT_THAT(file->status().failure, HasReason("TOKENS_FILE"));
  }
  EXPECT_EQ(file->status().failures, 3u) << "each is told once";
  Write({});
  EXPECT_TRUE(file->Look());
  EXPECT_THAT(file->status().failure, IsOk());
  EXPECT_FALSE(file->Find("one").has_value());
}

// Writes over the file and gives it its old time.
void WriteInPlace(const std::string& path, const std::string& text) {
  struct stat before;
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  FILE* const opened = fopen(path.c_str(), "r+");
  ASSERT_NE(opened, nullptr);
  ASSERT_EQ(fwrite(text.data(), 1, text.size(), opened), text.size());
  fclose(opened);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

TEST_F(TokensFileTest, AWrongFileIsNotReadAgainUntilItChanges) {
  Write({Entry("one", Role::kReader)});
  const auto file = Open();
  const std::string good = FormatTokens({Entry("two", Role::kReader)});
  WriteText(std::string(good.size(), 'x'));
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  // Long after the change.
  clock_.Advance(absl::TimeFromTimespec(info.st_mtim) + absl::Hours(1) - clock_.TimeNow());
  EXPECT_FALSE(file->Look());
  // What nobody can see without reading shows that nobody reads.
  WriteInPlace(path_, good);
  EXPECT_FALSE(file->Look());
  EXPECT_THAT(file->status().failure, HasReason("TOKENS_FILE"));
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), nullptr, 0), 0);
  EXPECT_TRUE(file->Look());
  EXPECT_TRUE(file->Find("two").has_value());
}

TEST_F(TokensFileTest, AFileWhoseModeIsMendedIsTakenThoughNothingElseChanged) {
  Write({Entry("one", Role::kReader)});
  const auto file = Open();
  Write({Entry("two", Role::kReader)});
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  clock_.Advance(absl::TimeFromTimespec(info.st_mtim) + absl::Hours(1) - clock_.TimeNow());
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  EXPECT_FALSE(file->Look());
  EXPECT_FALSE(file->Look());
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  EXPECT_TRUE(file->Look());
  EXPECT_TRUE(file->Find("two").has_value());
}

TEST_F(TokensFileTest, ATokenEndsWhenItsTimeIsOver) {
  Write({Entry("one", Role::kReader, clock_.TimeNow() + absl::Seconds(10)),
         Entry("two", Role::kReader)});
  const auto file = Open();
  EXPECT_EQ((**file->Find("one")).expires, clock_.TimeNow() + absl::Seconds(10));
  clock_.Advance(absl::Seconds(9));
  EXPECT_FALSE(file->Look());
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(file->Look()) << "rights ended";
  EXPECT_THAT(*file->Find("one"), HasReason("TOKEN_EXPIRED"));
  EXPECT_THAT(*file->Find("two"), IsOk());
  EXPECT_FALSE(file->Look());
}

TEST(TokenTableTest, TheNextExpiryIsTheFirstThatComes) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  const TokenTable table({Entry("a", Role::kReader), Entry("b", Role::kReader, now),
                          Entry("c", Role::kReader, now + absl::Seconds(2)),
                          Entry("d", Role::kReader, now + absl::Seconds(1))});
  EXPECT_EQ(table.NextExpiry(now), now + absl::Seconds(1));
  EXPECT_EQ(table.NextExpiry(now + absl::Seconds(2)), absl::InfiniteFuture());
  EXPECT_EQ(table.entries().size(), 4u);
  ASSERT_NE(table.Find("b"), nullptr);
  EXPECT_EQ(table.Find("e"), nullptr);
}

}  // namespace
}  // namespace modelref

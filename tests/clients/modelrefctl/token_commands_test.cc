#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "backends/base/json.h"
#include "clients/modelrefctl/sink.h"
#include "service/auth/token_table.h"
#include "service/auth/tokens_editor.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class TokenCommandsTest : public ::testing::Test {
 protected:
  CtlResult Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--tokens-file", path_});
    return runner_.Run(arguments);
  }
  std::vector<TokenEntry> Entries() { return ListTokens(path_).value(); }

  TempDir dir_;
  const std::string path_ = dir_.PathOf("tokens.jsonl");
  CtlRunner runner_;
};

TEST_F(TokenCommandsTest, CreatePrintsTheTokenAndNothingElseOnStdout) {
  const CtlResult result =
      Run({"token", "create", "ci", "--role", "requestor", "--name", "The CI"});
  ASSERT_EQ(result.code, 0) << result.err;
  const std::string secret(absl::StripSuffix(result.out, "\n"));
  ASSERT_THAT(Entries(), SizeIs(1));
  const TokenTable table(Entries());
  const TokenEntry* entry = table.Find(secret);
  ASSERT_NE(entry, nullptr) << result.out;
  EXPECT_EQ(entry->id, "ci");
  EXPECT_EQ(entry->name, "The CI");
  EXPECT_EQ(entry->role, Role::kRequestor);
  EXPECT_FALSE(absl::StrContains(result.err, secret));
  EXPECT_THAT(result.err, HasSubstr("only time"));
}

TEST_F(TokenCommandsTest, ATokenThatCannotBeShownIsRevoked) {
  ASSERT_EQ(Run({"token", "create", "ci", "--role", "admin"}).code, 0);
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  FdSink sink(full, 1 << 16);
  runner_.SetOutput(&sink);
  for (const char* mode : {"plain", "json", "jsonl", "yaml"}) {
    const CtlResult result = Run({"token", "create", "ci", "--role", "admin", "-o", mode});
    EXPECT_NE(result.code, 0);
    EXPECT_THAT(result.err, HasSubstr("was revoked"));
    EXPECT_THAT(Entries(), SizeIs(1)) << mode;
  }
  close(full);
}

TEST_F(TokenCommandsTest, JsonHasTheTokenOnceAndListNever) {
  const CtlResult made = Run({"token", "create", "ci", "--role", "admin", "-o", "json"});
  ASSERT_EQ(made.code, 0) << made.err;
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(made.out));
  const std::string secret = *json.AsObject()->Find("token")->AsString();
  EXPECT_EQ(*json.AsObject()->Find("role")->AsString(), "admin");
  EXPECT_EQ(*json.AsObject()->Find("fingerprint")->AsString(), TokenFingerprint(Entries()[0]));
  for (const char* mode : {"json", "jsonl", "yaml", "table", "plain", "wide", "name"}) {
    const CtlResult list = Run({"token", "list", "-o", mode});
    EXPECT_EQ(list.code, 0) << list.err;
    EXPECT_THAT(list.out, HasSubstr(TokenFingerprint(Entries()[0]))) << mode;
    EXPECT_FALSE(absl::StrContains(list.out, secret)) << mode;
  }
}

TEST_F(TokenCommandsTest, ATokenMayExpireAfterATimeOrAtOne) {
  ASSERT_EQ(Run({"token", "create", "a", "--role", "reader", "--expires", "1h"}).code, 0);
  ASSERT_EQ(
      Run({"token", "create", "b", "--role", "reader", "--expires", "2199-01-31T00:00:00Z"}).code,
      0);
  const std::vector<TokenEntry> entries = Entries();
  EXPECT_EQ(entries[0].expires - entries[0].created, absl::Hours(1));
  EXPECT_EQ(absl::FormatTime(absl::RFC3339_sec, entries[1].expires, absl::UTCTimeZone()),
            "2199-01-31T00:00:00+00:00");
  for (const char* bad : {"soon", "1999-01-31T00:00:00Z", "2199-01-31"}) {
    EXPECT_EQ(Run({"token", "create", "c", "--role", "reader", "--expires", bad}).code, 2) << bad;
  }
}

TEST_F(TokenCommandsTest, RevokeTellsWhatItRemoved) {
  Run({"token", "create", "ci", "--role", "reader"});
  Run({"token", "create", "ann", "--role", "admin"});
  const CtlResult result = Run({"token", "revoke", "ci", "-o", "plain"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(absl::StartsWith(result.out, "ci\treader\t")) << result.out;
  ASSERT_THAT(Entries(), SizeIs(1));
  EXPECT_EQ(Run({"token", "revoke", "ci"}).code, 3);
  EXPECT_EQ(Run({"token", "revoke", TokenFingerprint(Entries()[0])}).code, 0);
  EXPECT_THAT(Entries(), SizeIs(0));
  EXPECT_EQ(Run({"token", "list"}).code, 0);
}

TEST_F(TokenCommandsTest, WrongUseSaysWhatToDo) {
  EXPECT_EQ(runner_.Run({"token", "list"}).code, 2) << "no file is named";
  EXPECT_EQ(Run({"token", "create", "ci"}).code, 2) << "no role";
  EXPECT_EQ(Run({"token", "create", "ci", "--role", "root"}).code, 2);
  EXPECT_EQ(Run({"token", "create"}).code, 2);
  EXPECT_EQ(Run({"token", "create", "c i", "--role", "reader"}).code, 7);
  EXPECT_EQ(Run({"token", "list"}).code, 3) << "no such file";
  Run({"token", "create", "ci", "--role", "reader"});
  EXPECT_EQ(Run({"token", "create", "ci", "--role", "admin"}).code, 5) << "another role";
  dir_.Write("tokens.jsonl", "nonsense");
  EXPECT_EQ(Run({"token", "list"}).code, 7);
}

TEST_F(TokenCommandsTest, TheFileMayBeNamedByAVariable) {
  runner_.SetVariable("MODELREF_TOKENS_FILE", path_);
  EXPECT_EQ(runner_.Run({"token", "create", "ci", "--role", "reader"}).code, 0);
  EXPECT_THAT(Entries(), SizeIs(1));
}

}  // namespace
}  // namespace modelref::ctl

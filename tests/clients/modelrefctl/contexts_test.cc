#include "clients/modelrefctl/contexts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "absl/strings/match.h"
#include "tests/clients/fake_server.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::TempDir;

class ContextsTest : public ::testing::Test {
 protected:
  ContextsTest() { runner_.SetVariable("XDG_CONFIG_HOME", dir_.path()); }

  TempDir dir_;
  CtlRunner runner_;
};

TEST_F(ContextsTest, FirstContextIsSelectedAndMinusGoesBack) {
  EXPECT_EQ(runner_.Run({"context", "add", "home", "--server", "127.0.0.1:1"}).code, 0);
  EXPECT_EQ(runner_.Run({"context", "add", "away", "--server", "127.0.0.1:2"}).code, 0);
  EXPECT_EQ(runner_.Run({"context", "show", "-o", "name"}).out, "home\n");
  EXPECT_EQ(runner_.Run({"context", "select", "away"}).code, 0);
  EXPECT_EQ(runner_.Run({"context", "show", "-o", "plain"}).out, "*\taway\t127.0.0.1:2\tnone\n");
  EXPECT_EQ(runner_.Run({"context", "select", "-"}).code, 0);
  EXPECT_EQ(runner_.Run({"context", "show", "-o", "name"}).out, "home\n");
  EXPECT_EQ(runner_.Run({"context", "list", "-o", "name"}).out, "home\naway\n");
  EXPECT_EQ(runner_.Run({"context", "delete", "home"}).code, 0);
  EXPECT_EQ(runner_.Run({"context", "show"}).code, 3);
}

TEST_F(ContextsTest, UnknownNameIsNotFoundWithASuggestion) {
  runner_.Run({"context", "add", "production", "--server", "127.0.0.1:1"});
  const CtlResult result = runner_.Run({"context", "select", "prodution"});
  EXPECT_EQ(result.code, 3);
  EXPECT_TRUE(absl::StrContains(result.err, "did you mean \"production\"?")) << result.err;
  EXPECT_EQ(runner_.Run({"category", "list", "--context", "nothing"}).code, 3);
}

TEST_F(ContextsTest, SelectedContextNamesServerAndSecretFileButNeverTheSecret) {
  FakeHandlers handlers;
  handlers.list_categories = [](const auto&, auto*) { return absl::OkStatus(); };
  FakeServer server(handlers);
  dir_.Write("token", "s3cret\n");
  ASSERT_EQ(chmod(dir_.PathOf("token").c_str(), 0600), 0);
  runner_.Run({"context", "add", "home", "--server", server.address(), "--token-file",
               dir_.PathOf("token")});
  const CtlResult list = runner_.Run({"category", "list"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_EQ(server.last_metadata("authorization"), "Bearer s3cret");
  for (const char* mode : {"table", "plain", "json", "yaml"}) {
    EXPECT_FALSE(absl::StrContains(runner_.Run({"context", "show", "-o", mode}).out, "s3cret"));
  }
  EXPECT_FALSE(absl::StrContains(dir_.Read("modelrefctl/config.json"), "s3cret"));
}

TEST_F(ContextsTest, FlagComesBeforeVariableBeforeContextBeforeDefault) {
  FakeHandlers handlers;
  handlers.list_categories = [](const auto&, auto*) { return absl::OkStatus(); };
  FakeServer server(handlers);
  const std::string nobody = testing::UnusedAddress();
  runner_.Run({"context", "add", "home", "--server", nobody});
  EXPECT_EQ(runner_.Run({"category", "list"}).code, 8);
  runner_.SetVariable("MODELREF_SERVER", server.address());
  EXPECT_EQ(runner_.Run({"category", "list"}).code, 0);
  EXPECT_EQ(runner_.Run({"category", "list", "--server", nobody}).code, 8);
}

TEST_F(ContextsTest, ATokenInAVariableIsSentUnlessAFlagNamesAFile) {
  FakeHandlers handlers;
  handlers.list_categories = [](const auto&, auto*) { return absl::OkStatus(); };
  FakeServer server(handlers);
  runner_.SetVariable("MODELREF_SERVER", server.address());
  runner_.SetVariable("MODELREF_TOKEN", "from-variable\n");
  ASSERT_EQ(runner_.Run({"category", "list"}).code, 0);
  EXPECT_EQ(server.last_metadata("authorization"), "Bearer from-variable");
  dir_.Write("token", "from-file");
  ASSERT_EQ(chmod(dir_.PathOf("token").c_str(), 0600), 0);
  ASSERT_EQ(runner_.Run({"category", "list", "--token-file", dir_.PathOf("token")}).code, 0);
  EXPECT_EQ(server.last_metadata("authorization"), "Bearer from-file");
  runner_.SetVariable("MODELREF_TOKEN_FILE", dir_.PathOf("token"));
  const CtlResult both = runner_.Run({"category", "list"});
  EXPECT_EQ(both.code, 2);
  EXPECT_FALSE(absl::StrContains(both.err, "from-variable")) << both.err;
}

TEST_F(ContextsTest, SecretThatOthersMayReadIsSaidToBeSo) {
  dir_.Write("token", "s3cret");
  ASSERT_EQ(chmod(dir_.PathOf("token").c_str(), 0644), 0);
  const CtlResult result = runner_.Run(
      {"category", "list", "--token-file", dir_.PathOf("token"), "-s", testing::UnusedAddress()});
  EXPECT_TRUE(absl::StrContains(result.err, "chmod 600")) << result.err;
  EXPECT_FALSE(absl::StrContains(result.err, "s3cret")) << result.err;
}

TEST_F(ContextsTest, DamagedFileIsAUsageErrorThatNamesIt) {
  dir_.Write("modelrefctl/config.json", "{\"contexts\": ");
  const CtlResult result = runner_.Run({"context", "list"});
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(absl::StrContains(result.err, "modelrefctl/config.json")) << result.err;
}

TEST_F(ContextsTest, BadNamesAndAddressesAreRefused) {
  EXPECT_EQ(runner_.Run({"context", "add", "a b", "--server", "127.0.0.1:1"}).code, 2);
  EXPECT_EQ(runner_.Run({"context", "add", "a", "--server", "nonsense"}).code, 2);
  EXPECT_EQ(runner_.Run({"context", "add", "a"}).code, 2);
}

}  // namespace
}  // namespace modelref::ctl

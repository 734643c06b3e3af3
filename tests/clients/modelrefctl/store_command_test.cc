// store info, check, repair, settle and epoch fork: what they print and how they exit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/executor.h"
#include "backends/base/json.h"
#include "service/store/data_directory.h"
#include "service/store/database.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/service/store/edits.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CommitTo;
using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::Edit;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::Put;
using ::modelref::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class StoreCommandTest : public ::testing::Test {
 protected:
  StoreCommandTest() {
    const auto data = Open();
    EXPECT_GT(CommitTo(data->store(), Edit(kClip, {Put("a", "1"), Put("b", "1")})), 0u);
    EXPECT_THAT(data->Stop(), IsOk());
  }
  std::unique_ptr<DataDirectory> Open() {
    DataDirectory::Options options;
    options.backends.data_dir = dir_.path();
    auto data = DataDirectory::Open(options, registry_, RealClock(), executor_);
    EXPECT_THAT(data, IsOk());
    EXPECT_THAT((*data)->Start(), IsOk());
    return *std::move(data);
  }
  CtlResult Run(const std::string& words, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = absl::StrSplit(words, ' ');
    arguments.insert(arguments.end(), {"--data-dir", dir_.path()});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return runner_.Run(arguments);
  }
  // A member of the object that a command prints.
  std::string Field(const CtlResult& result, const std::string& name) {
    const absl::StatusOr<Json> json = ParseJson(result.out);
    if (!json.ok() || json->AsObject() == nullptr) return "no JSON: " + result.out + result.err;
    const Json* value = json->AsObject()->Find(name);
    return value == nullptr ? "no " + name : CanonicalJson(*value);
  }

  TempDir dir_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
  Executor executor_{Executor::Options{}};
  CtlRunner runner_;
};

TEST_F(StoreCommandTest, InfoTellsWhatTheStoreHolds) {
  const CtlResult json = Run("store info", {"-o", "json"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(Field(json, "revision"), "2");
  EXPECT_EQ(Field(json, "models"), "2");
  EXPECT_EQ(Field(json, "files_behind"), "0");
  EXPECT_EQ(Field(json, "audit_position"), "2");
  const CtlResult table = Run("store info", {"-o", "table"});
  EXPECT_THAT(table.out, StartsWith("FIELD"));
  EXPECT_THAT(table.out, HasSubstr("revision"));
  EXPECT_THAT(Run("store info", {"-o", "plain"}).out, HasSubstr("models\t2\n"));
}

TEST_F(StoreCommandTest, CheckIsCleanOrExitsWithNine) {
  const CtlResult clean = Run("store check", {"-o", "json"});
  EXPECT_EQ(clean.code, 0) << clean.err;
  EXPECT_EQ(Field(clean, "intact"), "true");
  EXPECT_EQ(Field(clean, "checked_events"), "2");
  ASSERT_OK_AND_ASSIGN(const auto database, Database::Open(dir_.PathOf(".modelref/store.db"), {}));
  ASSERT_THAT(database->Execute("UPDATE events SET after = '{}' WHERE id = 1"), IsOk());
  const CtlResult damaged = Run("store check", {"-o", "plain"});
  EXPECT_EQ(damaged.code, 9);
  EXPECT_THAT(damaged.out, HasSubstr("intact\tfalse\n"));
  EXPECT_THAT(damaged.err, HasSubstr("transaction 2"));
}

TEST_F(StoreCommandTest, RepairTellsWhatItKeptAndLost) {
  EXPECT_EQ(Field(Run("store repair", {"-o", "json"}), "outcome"), "\"intact\"");
  fs::resize_file(dir_.PathOf(".modelref/store.db"), 5000);
  EXPECT_NE(Run("store check").code, 0);
  const CtlResult trial = Run("store repair", {"--dry-run", "-o", "json"});
  EXPECT_EQ(trial.code, 10) << trial.err;
  EXPECT_EQ(Field(trial, "outcome"), "\"rebuilt\"");
  EXPECT_EQ(Field(trial, "kept_files"), "[]");
  EXPECT_EQ(fs::file_size(dir_.PathOf(".modelref/store.db")), 5000u);
  const CtlResult repaired = Run("store repair", {"-o", "plain"});
  EXPECT_EQ(repaired.code, 0) << repaired.err;
  EXPECT_THAT(repaired.out, HasSubstr("outcome\trebuilt\n"));
  EXPECT_THAT(repaired.out, HasSubstr("new_epoch\ttrue\n"));
  EXPECT_THAT(repaired.err, HasSubstr("lost: the history in the database"));
  EXPECT_THAT(repaired.err, HasSubstr("kept: clip/v2: 2 models"));
  EXPECT_THAT(repaired.err, HasSubstr("store.db.damaged-"));
  EXPECT_EQ(Run("store check").code, 0);
  EXPECT_EQ(Run("audit verify").code, 0);
  EXPECT_EQ(Run("store settle").code, 0);
  EXPECT_EQ(Field(Run("store info", {"-o", "json"}), "models"), "2");
}

TEST_F(StoreCommandTest, RepairAndSettleWantTheDirectoryForThemselves) {
  const auto data = Open();
  EXPECT_EQ(Run("store repair").code, 8);
  const CtlResult settle = Run("store settle");
  EXPECT_EQ(settle.code, 1);
  EXPECT_THAT(settle.err, HasSubstr("a server runs on this directory"));
}

TEST_F(StoreCommandTest, SettleWritesWhatLagsBehind) {
  fs::remove(dir_.PathOf("clip.json"));
  fs::remove_all(dir_.PathOf("audit"));
  ASSERT_OK_AND_ASSIGN(const auto database, Database::Open(dir_.PathOf(".modelref/store.db"), {}));
  ASSERT_THAT(database->Execute("UPDATE files SET revision = 0"), IsOk());
  const CtlResult settled = Run("store settle", {"-o", "json"});
  EXPECT_EQ(settled.code, 0) << settled.err;
  EXPECT_EQ(Field(settled, "revision"), "2");
  EXPECT_TRUE(dir_.Exists("clip.json"));
  EXPECT_TRUE(dir_.Exists("audit/v2/clip/audit-000001.jsonl"));
}

TEST_F(StoreCommandTest, ForkBeginsAnEpochAfterTheNewestRevision) {
  const std::string before = Field(Run("store info", {"-o", "json"}), "epoch");
  const CtlResult fork = Run("epoch fork", {"-o", "json"});
  EXPECT_EQ(fork.code, 0) << fork.err;
  EXPECT_EQ(Field(fork, "parent_epoch"), before);
  EXPECT_NE(Field(fork, "epoch"), before);
  EXPECT_EQ(Field(fork, "revision"), "2");
  EXPECT_EQ(Field(Run("store info", {"-o", "json"}), "forks"), "1");
}

TEST_F(StoreCommandTest, ADirectoryWithoutAStoreIsNotFound) {
  TempDir empty;
  for (const char* command :
       {"store info", "store check", "store settle", "store repair", "epoch fork"}) {
    std::vector<std::string> words = absl::StrSplit(command, ' ');
    words.insert(words.end(), {"--data-dir", empty.path()});
    EXPECT_EQ(runner_.Run(words).code, 3) << command;
    words.resize(2);
    EXPECT_EQ(runner_.Run(words).code, 2) << command;
  }
}

TEST_F(StoreCommandTest, TheServersConfigurationNamesCategoriesAndTrail) {
  TempDir trail;
  dir_.Write("config.json",
             absl::StrCat("{\"categories\": [{\"name\": \"extra\"}], ",
                          "\"audit\": {\"root_path_override\": \"", trail.PathOf("log"), "\"}}"));
  dir_.Write("extra.json", "{\"mine\": {\"v\": 1}}");
  const std::string config = dir_.PathOf("config.json");
  const CtlResult settled = Run("store settle", {"--config", config, "-o", "json"});
  EXPECT_EQ(settled.code, 0) << settled.err;
  EXPECT_TRUE(trail.Exists("log/v2/extra/audit-000001.jsonl"));
  EXPECT_EQ(Field(Run("store info", {"-o", "json"}), "models"), "3");
  EXPECT_EQ(Run("audit verify", {"--config", config}).code, 0);
  fs::remove(dir_.PathOf(".modelref/store.db"));
  const CtlResult repaired = Run("store repair", {"--config", config, "-o", "json"});
  EXPECT_EQ(repaired.code, 0) << repaired.err;
  EXPECT_EQ(Field(Run("store info", {"-o", "json"}), "models"), "3");
  dir_.Write("config.json", "{\"unknown\": 1}");
  EXPECT_EQ(Run("store settle", {"--config", config}).code, 2);
}

}  // namespace
}  // namespace modelref::ctl

// modelrefctl against the real modelrefd, on a copy of the sample catalogue.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/json.h"
#include "tests/e2e/modelrefctl_child.h"
#include "tests/testing/paths.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::Child;
using ::modelref::testing::TempDir;

class ModelrefctlServerTest : public ::testing::Test {
 protected:
  ModelrefctlServerTest() {
    const std::string samples = absl::StrCat(testing::SourceDir(), "/deploy/sample-catalogue");
    for (const fs::directory_entry& entry : fs::directory_iterator(samples)) {
      if (entry.path().extension() == ".json") fs::copy(entry.path(), data_.path());
    }
    StartServer("127.0.0.1:0");
  }

  void StartServer(const std::string& listen) {
    server_ = std::make_unique<Child>(
        "modelrefd", std::vector<std::string>{"--data-dir", data_.path(), "--listen", listen,
                                              "--admin-listen", "127.0.0.1:0"});
    ASSERT_TRUE(server_->WaitForText("err", "server.started")) << server_->err();
    for (const absl::string_view line : absl::StrSplit(server_->err(), '\n')) {
      const absl::StatusOr<Json> json = ParseJson(line);
      if (!json.ok() || json->AsObject() == nullptr) continue;
      const Json* address = json->AsObject()->Find("listen");
      if (address != nullptr) address_ = *address->AsString();
    }
    ASSERT_NE(address_, "");
  }

  std::unique_ptr<Child> Start(const std::vector<std::string>& arguments) {
    return std::make_unique<Child>(
        "modelrefctl", arguments,
        std::vector<std::pair<std::string, std::string>>{{"MODELREF_SERVER", address_}});
  }
  // What a command that must succeed prints.
  std::string Output(const std::vector<std::string>& arguments) {
    const std::unique_ptr<Child> child = Start(arguments);
    EXPECT_EQ(child->Wait(), 0) << arguments[0] << " " << arguments[1] << child->err();
    return child->out();
  }
  // Adds a model to a category's file, as an editor does.
  void AddModel(const std::string& file, const std::string& name) {
    absl::StatusOr<Json> document = ParseJson(data_.Read(file));
    ASSERT_TRUE(document.ok());
    Json record = document->AsObject()->members().front().second;
    record.AsObject()->Set("name", name);
    document->AsObject()->Set(name, record);
    data_.Write(file, FormatJson(*document, JsonStyle{}));
  }

  TempDir data_;
  std::string address_;
  std::unique_ptr<Child> server_;
};

TEST_F(ModelrefctlServerTest, EveryCategoryHasTheValuesAndTheOrderOfItsFile) {
  int compared = 0;
  const std::string rows = Output({"category", "list", "-o", "plain"});
  for (const absl::string_view row : absl::StrSplit(rows, '\n', absl::SkipEmpty())) {
    const std::string category(row.substr(0, row.find('\t')));
    const std::string stem = category == "image_generation" ? "stable_diffusion" : category;
    if (!data_.Exists(absl::StrCat(stem, ".json"))) continue;
    ASSERT_OK_AND_ASSIGN(const Json file, ParseJson(data_.Read(absl::StrCat(stem, ".json"))));
    EXPECT_EQ(Output({"category", "get", category, "--format", "v2", "-o", "json"}),
              CanonicalJson(file) + "\n")
        << category;
    ++compared;
  }
  EXPECT_GE(compared, 5);
}

TEST_F(ModelrefctlServerTest, ModelsAreFoundByNameAndCondition) {
  const std::string names = Output({"category", "get", "controlnet", "-o", "name"});
  EXPECT_EQ(Output({"model", "list", "controlnet", "-o", "name"}), names);
  const std::string first = names.substr(0, names.find('\n'));
  EXPECT_EQ(Output({"model", "list", "controlnet", "--name-contains", first, "--limit", "1", "-o",
                    "name"}),
            first + "\n");
  ASSERT_OK_AND_ASSIGN(const Json record, ParseJson(Output({"model", "get", "controlnet", first})));
  ASSERT_OK_AND_ASSIGN(const Json file, ParseJson(data_.Read("controlnet.json")));
  EXPECT_EQ(record, *file.AsObject()->Find(first));
  EXPECT_EQ(Start({"model", "get", "controlnet", "no such model"})->Wait(), 3);
  EXPECT_EQ(Start({"category", "get", "no_such_category"})->Wait(), 3);
}

TEST_F(ModelrefctlServerTest, OperatorsCommandsAnswer) {
  EXPECT_EQ(Output({"health", "--quiet"}), "SERVING\n");
  EXPECT_TRUE(absl::StrContains(Output({"info", "-o", "json"}), "\"version\": \"0."));
  EXPECT_TRUE(absl::StrContains(Output({"stats", "-o", "json"}), "\"methods\""));
  EXPECT_TRUE(absl::StrContains(Output({"category", "stats", "controlnet"}), "total_models"));
}

TEST_F(ModelrefctlServerTest, WatchTellsAnEdit) {
  const auto watch = Start({"watch", "controlnet", "-o", "jsonl", "--bookmarks", "--count", "1"});
  ASSERT_TRUE(watch->WaitForText("out", "snapshot_end")) << watch->err();
  AddModel("controlnet.json", "a new model");
  EXPECT_EQ(watch->Wait(), 0) << watch->err();
  EXPECT_TRUE(absl::StrContains(watch->out(), R"("changed_models":["a new model"])"))
      << watch->out();
}

TEST_F(ModelrefctlServerTest, ACategoryIsWatchedAndCopiedByTheNameOfItsLegacyFileToo) {
  const std::string told = Output({"watch", "stable_diffusion", "-o", "jsonl", "--start",
                                   "snapshot", "--count", "1", "--timeout", "30s"});
  EXPECT_TRUE(absl::StrContains(told, R"("category":"image_generation")")) << told;
  const TempDir copy;
  const std::string copied = Output(
      {"sync", "--once", copy.path(), "stable_diffusion", "-o", "plain", "--timeout", "30s"});
  EXPECT_TRUE(absl::StrContains(copied, "image_generation")) << copied;
}

TEST_F(ModelrefctlServerTest, WatchTellsAfterARestartWhatItMissedAndNothingElse) {
  const auto watch =
      Start({"watch", "-o", "jsonl", "--format", "v2", "--bookmarks", "--count", "1"});
  ASSERT_TRUE(watch->WaitForText("out", "snapshot_end")) << watch->err();
  server_->Signal(SIGKILL);
  server_->Wait();
  ASSERT_TRUE(watch->WaitForText("err", "connecting again")) << watch->err();
  AddModel("controlnet.json", "a new model");
  StartServer(address_);
  EXPECT_EQ(watch->Wait(), 0) << watch->err();
  EXPECT_TRUE(absl::StrContains(watch->out(), R"("category":"controlnet")")) << watch->out();
  EXPECT_FALSE(absl::StrContains(watch->out(), R"("category":"clip")")) << watch->out();
  EXPECT_TRUE(absl::StrContains(watch->err(), "connected again")) << watch->err();
}

}  // namespace
}  // namespace modelref

// model list and model get against a server.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "tests/clients/fake_server.h"
#include "tests/clients/modelrefctl/ctl_runner.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;

constexpr char kName[] = "koboldcpp/It's a \"model\" ✓";
constexpr char kRecord[] = R"({"name":"x","size":1.50,"nsfw":false,"tags":["a","b c"]})";

v1::Model SampleModel() {
  v1::Model model;
  model.set_name(kName);
  model.set_json(kRecord);
  model.set_baseline("sdxl");
  model.set_nsfw(false);
  model.set_size_on_disk_bytes(6'938'040'288);
  model.add_tags("a");
  model.add_tags("b c");
  model.set_mod_revision(12);
  return model;
}

class ModelCommandsTest : public ::testing::Test {
 protected:
  ModelCommandsTest() {
    handlers_.get_model = [](const v1::GetModelRequest& request,
                             v1::GetModelResponse* response) -> absl::Status {
      if (request.name() != kName) {
        return Error(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND", "no such model");
      }
      response->set_etag(std::string(AsBytes(Sha256(kRecord))));
      *response->mutable_model() = SampleModel();
      return absl::OkStatus();
    };
    handlers_.list_models = [this](const v1::ListModelsRequest& request,
                                   v1::ListModelsResponse* response) {
      requests_.push_back(request);
      const int page = request.page_token().empty() ? 0 : std::stoi(request.page_token());
      *response->add_models() = SampleModel();
      if (page < 2) response->set_next_page_token(absl::StrCat(page + 1));
      response->set_total_matches(3);
      return absl::OkStatus();
    };
  }

  CtlResult Run(std::vector<std::string> arguments) {
    if (server_ == nullptr) server_ = std::make_unique<FakeServer>(handlers_);
    runner_.SetVariable("MODELREF_SERVER", server_->address());
    return runner_.Run(arguments);
  }

  FakeHandlers handlers_;
  CtlRunner runner_;
  std::vector<v1::ListModelsRequest> requests_;
  std::unique_ptr<FakeServer> server_;
};

TEST_F(ModelCommandsTest, GetPrintsTheRecordAsItIsStored) {
  const CtlResult result = Run({"model", "get", "text_generation", kName});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, absl::StrCat(kRecord, "\n"));
  EXPECT_EQ(Run({"model", "get", "text_generation", kName, "-o", "yaml"}).out,
            "name: x\nsize: 1.50\nnsfw: false\ntags:\n  - a\n  - \"b c\"\n");
  EXPECT_EQ(Run({"model", "get", "text_generation", kName, "-o", "plain"}).out,
            "name\tx\nsize\t1.50\nnsfw\tfalse\ntags\ta,b c\n");
  EXPECT_EQ(Run({"model", "get", "text_generation", kName, "-o", "name"}).out,
            absl::StrCat(kName, "\n"));
}

TEST_F(ModelCommandsTest, GetWithFieldsPrintsThoseOfTheModelMessage) {
  EXPECT_EQ(
      Run({"model", "get", "c", kName, "--fields", "baseline,mod_revision,style", "-o", "jsonl"})
          .out,
      "{\"baseline\":\"sdxl\",\"mod_revision\":12}\n");
  const CtlResult wrong = Run({"model", "get", "c", kName, "--fields", "basline"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_TRUE(absl::StrContains(wrong.err, "did you mean \"baseline\"?")) << wrong.err;
}

TEST_F(ModelCommandsTest, MissingModelIsExitCodeThreeWithAHint) {
  const CtlResult result = Run({"model", "get", "c", "nothing"});
  EXPECT_EQ(result.code, 3);
  EXPECT_TRUE(absl::StrContains(result.err, "--name-contains")) << result.err;
}

TEST_F(ModelCommandsTest, RecordWithAnotherEtagIsExitCodeNine) {
  handlers_.get_model = [](const v1::GetModelRequest&, v1::GetModelResponse* response) {
    response->set_etag(std::string(32, 'x'));
    *response->mutable_model() = SampleModel();
    return absl::OkStatus();
  };
  const CtlResult result = Run({"model", "get", "c", kName});
  EXPECT_EQ(result.code, 9);
  EXPECT_EQ(result.out, "");
}

TEST_F(ModelCommandsTest, ListReadsAllPagesAndAsksOnlyForItsColumns) {
  const CtlResult result = Run({"model", "list", "c", "-o", "name"});
  EXPECT_EQ(result.out, absl::StrCat(kName, "\n", kName, "\n", kName, "\n"));
  ASSERT_EQ(requests_.size(), 3u);
  ASSERT_EQ(requests_[0].read_mask_size(), 1);
  EXPECT_EQ(requests_[0].read_mask(0), "name");
  EXPECT_EQ(Run({"model", "list", "c", "--fields", "name,size_on_disk_bytes,tags"}).out,
            absl::StrCat(kName, "\t6938040288\ta,b c\n", kName, "\t6938040288\ta,b c\n", kName,
                         "\t6938040288\ta,b c\n"));
  EXPECT_EQ(requests_[3].read_mask_size(), 3);
}

TEST_F(ModelCommandsTest, ConditionsAndOrderReachTheServer) {
  Run({"model",     "list",
       "c",         "--name-contains",
       "xl",        "--baseline",
       "a,b",       "--nsfw",
       "false",     "--style",
       "anime",     "--tag",
       "t1",        "--all-tags",
       "t2",        "--no-tag",
       "t3",        "--min-parameters",
       "7",         "--max-parameters",
       "9",         "--order",
       "size-desc", "--format",
       "legacy"});
  ASSERT_FALSE(requests_.empty());
  const v1::ListModelsRequest& request = requests_[0];
  EXPECT_EQ(request.filter().name_contains(), "xl");
  EXPECT_EQ(request.filter().baselines_size(), 2);
  EXPECT_TRUE(request.filter().has_nsfw());
  EXPECT_FALSE(request.filter().nsfw());
  EXPECT_EQ(request.filter().styles(0), "anime");
  EXPECT_EQ(request.filter().tags_any(0), "t1");
  EXPECT_EQ(request.filter().tags_all(0), "t2");
  EXPECT_EQ(request.filter().tags_none(0), "t3");
  EXPECT_EQ(request.filter().parameters_min(), 7);
  EXPECT_EQ(request.filter().parameters_max(), 9);
  EXPECT_EQ(request.order(), v1::MODEL_ORDER_SIZE_DESC);
  EXPECT_EQ(request.format(), v1::FORMAT_LEGACY);
}

TEST_F(ModelCommandsTest, LimitEndsTheListingAndSaysHowToGoOn) {
  const CtlResult result = Run({"model", "list", "c", "-o", "name", "--limit", "2"});
  EXPECT_EQ(result.out, absl::StrCat(kName, "\n", kName, "\n"));
  EXPECT_TRUE(absl::StrContains(result.err, "2 of 3 models; go on with --page-token 2"))
      << result.err;
  EXPECT_EQ(requests_[0].page_size(), 2);
  EXPECT_EQ(requests_[1].page_size(), 1);
  EXPECT_EQ(Run({"model", "list", "c", "--limit", "many"}).code, 2);
}

TEST_F(ModelCommandsTest, JsonListIsOneDocumentWithNestedRecords) {
  const std::string json = Run({"model", "list", "c", "-o", "json"}).out;
  EXPECT_TRUE(absl::StrContains(json, "\"size\": 1.50")) << json;
  EXPECT_TRUE(absl::StrContains(json, "\"total_matches\": 3\n}")) << json;
  EXPECT_EQ(requests_[0].read_mask_size(), 0);
  const std::string few = Run({"model", "list", "c", "-o", "json", "--fields", "name"}).out;
  EXPECT_FALSE(absl::StrContains(few, "mod_revision")) << few;
}

}  // namespace
}  // namespace modelref::ctl

// category list, get and stats against a server.

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
#include "tests/clients/sample_document.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::SampleDocument;
using ::modelref::testing::ThreeModels;
using Writer = grpc::ServerWriter<v1::StreamCategoryResponse>;

absl::Status StreamThreeModels(const v1::StreamCategoryRequest& request, grpc::ServerContext&,
                               Writer& writer) {
  std::vector<v1::StreamCategoryResponse> parts = ThreeModels().Parts();
  if (request.if_none_match() == ThreeModels().etag()) {
    parts.resize(1);
    parts[0].mutable_category_header()->set_not_modified(true);
  }
  for (const v1::StreamCategoryResponse& part : parts) writer.Write(part);
  return absl::OkStatus();
}

class CategoryCommandsTest : public ::testing::Test {
 protected:
  CtlResult Run(std::vector<std::string> arguments) {
    if (server_ == nullptr) server_ = std::make_unique<FakeServer>(handlers_);
    runner_.SetVariable("MODELREF_SERVER", server_->address());
    return runner_.Run(arguments);
  }

  FakeHandlers handlers_;
  CtlRunner runner_;
  std::unique_ptr<FakeServer> server_;
};

class CategoryGetTest : public CategoryCommandsTest {
 protected:
  CategoryGetTest() { handlers_.stream_category = &StreamThreeModels; }
};

TEST_F(CategoryGetTest, JsonIsTheDocumentByteForByte) {
  for (const char* mode : {"", "json"}) {
    std::vector<std::string> arguments = {"category", "get", "controlnet"};
    if (*mode != 0) arguments.insert(arguments.end(), {"-o", mode});
    const CtlResult result = Run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.out, ThreeModels().json() + "\n");
    EXPECT_EQ(result.err, "");
  }
}

TEST_F(CategoryGetTest, OtherFormsShowTheSameRecords) {
  EXPECT_EQ(Run({"category", "get", "controlnet", "-o", "name"}).out, "alpha\nbe\"ta\ngamma/δ\n");
  EXPECT_EQ(Run({"category", "get", "controlnet", "-o", "yaml"}).out,
            "alpha:\n  size: 1.50\n\"be\\\"ta\":\n  text: \"café\"\n"
            "\"gamma/δ\":\n  list:\n    - 1\n    - 2\n  text: \"a,b}\"\n");
  const std::string lines = Run({"category", "get", "controlnet", "-o", "jsonl"}).out;
  EXPECT_TRUE(absl::StartsWith(lines, R"({"name":"alpha","mod_revision":100,"etag":")")) << lines;
  EXPECT_TRUE(absl::StrContains(lines, R"("record":{"list":[1,2],"text":"a,b}"}})")) << lines;
  EXPECT_TRUE(absl::StartsWith(Run({"category", "get", "controlnet", "-o", "plain"}).out,
                               "alpha\t13\t100\t"));
}

TEST_F(CategoryGetTest, OnATerminalTheDocumentIsIndentedWithTheSameLexemes) {
  runner_.SetTerminal({.out = true, .err = true});
  EXPECT_TRUE(absl::StartsWith(Run({"category", "get", "controlnet"}).out,
                               "{\n  \"alpha\": {\n    \"size\": 1.50\n  },\n"));
}

TEST_F(CategoryGetTest, UnchangedDocumentPrintsNothing) {
  const CtlResult result =
      Run({"category", "get", "controlnet", "--if-none-match", ToHex(ThreeModels().etag())});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(absl::StrContains(result.err, "not modified")) << result.err;
  EXPECT_EQ(Run({"category", "get", "controlnet", "--if-none-match", "xyz"}).code, 2);
}

TEST_F(CategoryCommandsTest, WrongContentIsExitCodeNineAndNothingIsPrinted) {
  handlers_.stream_category = [](const v1::StreamCategoryRequest&, grpc::ServerContext&,
                                 Writer& writer) {
    std::vector<v1::StreamCategoryResponse> parts = ThreeModels().Parts();
    parts.erase(parts.begin() + 1);
    for (const v1::StreamCategoryResponse& part : parts) writer.Write(part);
    return absl::OkStatus();
  };
  const CtlResult result = Run({"category", "get", "controlnet"});
  EXPECT_EQ(result.code, 9);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(absl::StrContains(result.err, "INTEGRITY_FAILURE")) << result.err;
}

TEST_F(CategoryCommandsTest, RawPrintsTheSourceTextOfTheLegacyDocument) {
  const std::string text = "{\r\n   \"a\" : 1.0\r\n}";
  handlers_.stream_category = [text](const v1::StreamCategoryRequest& request, grpc::ServerContext&,
                                     Writer& writer) {
    EXPECT_EQ(request.representation(), v1::REPRESENTATION_SOURCE_TEXT);
    EXPECT_EQ(request.format(), v1::FORMAT_LEGACY);
    const std::string etag(AsBytes(Sha256(text)));
    v1::StreamCategoryResponse header, chunk, end;
    header.mutable_category_header()->set_etag(etag);
    chunk.mutable_raw_chunk()->set_data(text);
    end.mutable_category_end()->set_etag(etag);
    for (const auto& part : {header, chunk, end}) writer.Write(part);
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"category", "get", "clip", "--raw"}).out, text);
  EXPECT_EQ(Run({"category", "get", "clip", "--raw", "-o", "yaml"}).code, 2);
}

TEST_F(CategoryCommandsTest, ForceRefreshAndFormatReachTheServer) {
  handlers_.stream_category = [](const v1::StreamCategoryRequest& request, grpc::ServerContext&,
                                 Writer&) -> absl::Status {
    EXPECT_TRUE(request.read().force_refresh());
    EXPECT_EQ(request.format(), v1::FORMAT_V2);
    return Error(absl::StatusCode::kPermissionDenied, "LOOPBACK_ONLY", "not from here");
  };
  const CtlResult result = Run({"category", "get", "clip", "--force-refresh", "--format", "v2"});
  EXPECT_EQ(result.code, 4) << result.err;
}

void FillList(v1::ListCategoriesResponse* response) {
  response->mutable_header()->set_revision(7);
  v1::CategorySummary* clip = response->add_categories();
  clip->set_category("clip");
  clip->set_format(v1::FORMAT_V2);
  clip->set_domain("image");
  clip->set_purpose("feature_extractor");
  clip->set_mod_revision(7);
  clip->set_etag("\x01\xff");
  clip->set_model_count(3);
  clip->set_size_bytes(1500);
  v1::CategorySummary* damaged = response->add_categories();
  damaged->set_category("esrgan");
  damaged->set_format(v1::FORMAT_V2);
  damaged->set_damaged(true);
}

class CategoryListTest : public CategoryCommandsTest {
 protected:
  CategoryListTest() {
    handlers_.list_categories = [](const v1::ListCategoriesRequest&,
                                   v1::ListCategoriesResponse* response) {
      FillList(response);
      return absl::OkStatus();
    };
  }
};

TEST_F(CategoryListTest, PipedIsTabSeparatedAndExact) {
  EXPECT_EQ(Run({"category", "list"}).out,
            "clip\tv2\timage\tfeature_extractor\t3\t1500\t7\tok\t01ff\n"
            "esrgan\tv2\t\t\t0\t0\t0\tdamaged\t\n");
}

TEST_F(CategoryListTest, TerminalGetsATable) {
  runner_.SetTerminal({.out = true, .err = true, .width = 100});
  runner_.SetVariable("NO_COLOR", "1");
  EXPECT_EQ(Run({"category", "list"}).out,
            "CATEGORY  FORMAT  DOMAIN  MODEL_COUNT  SIZE_BYTES  MOD_REVISION  STATE\n"
            "clip      v2      image             3      1.5 kB             7  ok\n"
            "esrgan    v2                        0         0 B             0  damaged\n");
}

TEST_F(CategoryListTest, ColourNeedsATerminalThatIsNotDumbOrForce) {
  const auto has_colour = [this](Terminal terminal) {
    runner_.SetTerminal(terminal);
    return absl::StrContains(Run({"category", "list", "-o", "table"}).out, "\033[");
  };
  EXPECT_FALSE(has_colour({}));
  EXPECT_TRUE(has_colour({.out = true}));
  runner_.SetVariable("TERM", "dumb");
  EXPECT_FALSE(has_colour({.out = true}));
  runner_.SetVariable("CLICOLOR_FORCE", "1");
  EXPECT_TRUE(has_colour({}));
  runner_.SetVariable("NO_COLOR", "0");
  EXPECT_FALSE(has_colour({.out = true}));
}

TEST_F(CategoryListTest, UnknownCategoryIsAnsweredWithTheNearestOne) {
  handlers_.stream_category = [](const v1::StreamCategoryRequest&, grpc::ServerContext&,
                                 Writer&) -> absl::Status {
    return Error(absl::StatusCode::kNotFound, "CATEGORY_NOT_FOUND", "no category \"esrgn\"");
  };
  const CtlResult result = Run({"category", "get", "esrgn"});
  EXPECT_EQ(result.code, 3);
  EXPECT_TRUE(absl::StrContains(result.err, "did you mean \"esrgan\"?")) << result.err;
}

TEST_F(CategoryListTest, JsonHasTheNamesOfTheProto) {
  const std::string json = Run({"category", "list", "-o", "jsonl"}).out;
  EXPECT_TRUE(absl::StartsWith(
      json,
      R"({"category":"clip","format":"FORMAT_V2","domain":"image","purpose":"feature_extractor",)"
      R"("mod_revision":7,"etag":"01ff","model_count":3,"size_bytes":1500,"stale":false,)"
      R"("damaged":false,"unrepresentable_models":[]})"
      "\n"))
      << json;
  EXPECT_TRUE(absl::StartsWith(Run({"category", "list", "-o", "json"}).out,
                               "{\n  \"header\": {\n    \"epoch\": \"\",\n    \"revision\": 7,"));
  EXPECT_EQ(Run({"category", "list", "-o", "name"}).out, "clip\nesrgan\n");
  EXPECT_TRUE(absl::StrContains(Run({"category", "list", "-o", "yaml"}).out,
                                "categories:\n  - category: clip\n    format: FORMAT_V2\n"));
}

TEST_F(CategoryCommandsTest, StatsPrintsNumbersAndCounts) {
  handlers_.statistics = [](const v1::GetCategoryStatisticsRequest& request,
                            v1::GetCategoryStatisticsResponse* response) {
    EXPECT_EQ(request.category(), "clip");
    response->set_total_models(3);
    v1::ValueCount* count = response->add_baselines();
    count->set_value("sdxl");
    count->set_count(2);
    return absl::OkStatus();
  };
  const std::string out = Run({"category", "stats", "clip"}).out;
  EXPECT_TRUE(absl::StrContains(out, "total_models\t\t3\n")) << out;
  EXPECT_TRUE(absl::StrContains(out, "baselines\tsdxl\t2\n")) << out;
}

}  // namespace
}  // namespace modelref::ctl

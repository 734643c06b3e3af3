// What a real modelrefd answers to reads of the real catalogues.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "grpcpp/grpcpp.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::Child;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::ServerChild;
using ::modelref::testing::SharedFolder;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The name of the category whose file is `stem`.json.
std::string CategoryOf(const std::string& stem) {
  return stem == "stable_diffusion" ? "image_generation" : stem;
}

// The category files in a folder.
std::vector<fs::path> CategoryFiles(const std::string& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The real catalogues, imported once for all tests, behind one server.
class RealCatalogueTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (SharedFolder().empty()) return;
    data_ = std::make_unique<TempDir>();
    std::vector<std::string> words = {"import", "legacy", "--data-dir", data_->path()};
    for (const fs::directory_entry& entry : fs::directory_iterator(SharedFolder() + "/data")) {
      words.push_back(entry.path());
    }
    Child import("modelrefctl", words);
    ASSERT_EQ(import.Wait(), 0) << import.err();
    server_ = std::make_unique<ServerChild>(data_->path());
  }
  static void TearDownTestSuite() {
    server_.reset();
    data_.reset();
  }
  void SetUp() override {
    if (server_ == nullptr) GTEST_SKIP() << "no real catalogues: set MODELREF_SHARED";
  }

  // The value that is served, or null.
  static Json Served(const std::string& category, v1::Format format) {
    const auto response = server_->Get(category, format);
    EXPECT_TRUE(response.ok()) << category << ": " << response.status();
    if (!response.ok()) return nullptr;
    const absl::StatusOr<Json> json = ParseJson(response->json());
    EXPECT_TRUE(json.ok()) << category << ": " << json.status();
    return json.ok() ? *json : Json();
  }

  // Compares every file of a folder with what is served; the number of files.
  static int CompareFiles(const std::string& folder, v1::Format format) {
    int compared = 0;
    for (const fs::path& path : CategoryFiles(folder)) {
      const absl::StatusOr<Json> file = ParseJson(FileText(path));
      EXPECT_TRUE(file.ok()) << path << ": " << file.status();
      EXPECT_TRUE(file.ok() && Served(CategoryOf(path.stem()), format) == *file) << path;
      ++compared;
    }
    return compared;
  }

  static std::unique_ptr<TempDir> data_;
  static std::unique_ptr<ServerChild> server_;
};

std::unique_ptr<TempDir> RealCatalogueTest::data_;
std::unique_ptr<ServerChild> RealCatalogueTest::server_;

TEST_F(RealCatalogueTest, EveryV2CategoryHasTheValuesAndTheOrderOfItsFile) {
  EXPECT_GE(CompareFiles(data_->path(), v1::FORMAT_V2), 10);
}

TEST_F(RealCatalogueTest, EveryLegacyCategoryHasTheValuesAndTheOrderOfItsFile) {
  EXPECT_GE(CompareFiles(data_->PathOf("legacy"), v1::FORMAT_LEGACY), 9);
}

TEST_F(RealCatalogueTest, SourceTextIsTheFile) {
  int compared = 0;
  for (const fs::path& path : CategoryFiles(data_->PathOf("legacy"))) {
    ASSERT_OK_AND_ASSIGN(
        const auto response,
        server_->Get(CategoryOf(path.stem()), v1::FORMAT_LEGACY, v1::REPRESENTATION_SOURCE_TEXT));
    EXPECT_EQ(response.json(), FileText(path)) << path;
    ++compared;
  }
  EXPECT_GE(compared, 9);
}

TEST_F(RealCatalogueTest, LegacyTextIsWhatTheOriginalMakesOfItsTable) {
  const std::string golden = FileText(SharedFolder() + "/golden/text_legacy_from_csv.json");
  ASSERT_OK_AND_ASSIGN(const auto response, server_->Get("text_generation", v1::FORMAT_LEGACY,
                                                         v1::REPRESENTATION_SOURCE_TEXT));
  EXPECT_TRUE(response.json() == golden)
      << "sizes: " << response.json().size() << " instead of " << golden.size();
  ASSERT_OK_AND_ASSIGN(const Json parsed, ParseJson(golden));
  EXPECT_TRUE(Served("text_generation", v1::FORMAT_LEGACY) == parsed);
}

TEST_F(RealCatalogueTest, ConversionsAreThoseOfTheOriginal) {
  int compared = 0;
  for (const fs::path& path : CategoryFiles(SharedFolder() + "/golden/v2")) {
    if (absl::StrContains(path.stem().string(), '.')) continue;  // A part of a document.
    ASSERT_OK_AND_ASSIGN(const Json golden, ParseJson(FileText(path)));
    EXPECT_TRUE(Served(CategoryOf(path.stem()), v1::FORMAT_V2) == golden) << path;
    ++compared;
  }
  EXPECT_GE(compared, 7);
}

TEST_F(RealCatalogueTest, ConvertedTextModelsAreThoseOfTheOriginal) {
  const std::string path = SharedFolder() + "/golden/v2/text_generation.every_third_model.json";
  ASSERT_OK_AND_ASSIGN(const Json golden, ParseJson(FileText(path)));
  const Json served = Served("text_generation", v1::FORMAT_V2);
  ASSERT_NE(served.AsObject(), nullptr);
  JsonObject thirds;
  const auto& members = served.AsObject()->members();
  for (size_t i = 0; i < members.size(); i += 3) thirds.Set(members[i].first, members[i].second);
  EXPECT_GT(thirds.size(), 200);
  EXPECT_TRUE(Json(thirds) == golden);
}

TEST_F(RealCatalogueTest, OldNamesAreUnderstood) {
  const std::vector<std::pair<std::string, std::string>> names = {
      {"stable_diffusion", "image_generation"},
      {"stable_diffusion.json", "image_generation"},
      {"clip.json", "clip"},
      {"db.json", "text_generation"}};
  for (const auto& [alias, category] : names) {
    ASSERT_OK_AND_ASSIGN(const auto expected, server_->Get(category));
    ASSERT_OK_AND_ASSIGN(const auto response, server_->Get(alias));
    EXPECT_EQ(response.etag(), expected.etag()) << alias;
    EXPECT_EQ(response.json(), expected.json()) << alias;
  }
}

TEST_F(RealCatalogueTest, WhatTheCallerHoldsIsNotSentAgain) {
  for (const v1::Representation representation :
       {v1::REPRESENTATION_COMPACT, v1::REPRESENTATION_SOURCE_TEXT}) {
    ASSERT_OK_AND_ASSIGN(const auto first,
                         server_->Get("controlnet", v1::FORMAT_LEGACY, representation));
    v1::GetCategoryRequest request;
    request.set_category("controlnet");
    request.set_format(v1::FORMAT_LEGACY);
    request.set_representation(representation);
    request.set_if_none_match(first.etag());
    ASSERT_OK_AND_ASSIGN(const auto second, server_->client().GetCategory(request));
    EXPECT_TRUE(second.has_not_modified());
    EXPECT_EQ(second.etag(), first.etag());
    request.set_if_none_match(std::string(32, 'x'));
    ASSERT_OK_AND_ASSIGN(const auto third, server_->client().GetCategory(request));
    EXPECT_EQ(third.json(), first.json());
  }
}

TEST_F(RealCatalogueTest, WhatIsNotBuiltSaysSo) {
  v1::GetCategoryRequest request;
  request.set_category("clip");
  request.mutable_read()->mutable_at_position()->set_revision(1);
  EXPECT_THAT(server_->client().GetCategory(request), HasReason("NOT_BUILT"));
  request.mutable_read()->mutable_at_time()->set_seconds(1);
  EXPECT_THAT(server_->client().GetCategory(request), HasReason("NOT_BUILT"));
  request.clear_read();
  EXPECT_THAT(server_->client().GetCategory(request), IsOk());
}

TEST_F(RealCatalogueTest, AReadMayAskForAPositionAndGetsADeltaFromThere) {
  v1::GetCategoryRequest request;
  request.set_category("clip");
  ASSERT_OK_AND_ASSIGN(const auto first, server_->client().GetCategory(request));
  v1::Position* position = request.mutable_read()->mutable_min_position();
  position->set_epoch(first.header().epoch());
  position->set_revision(first.header().revision());
  EXPECT_THAT(server_->client().GetCategory(request), IsOk());
  const auto stub = v1::ReferenceService::NewStub(
      grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetDeltaRequest since;
  since.set_category("clip");
  *since.mutable_since() = *position;
  since.set_base_etag(first.etag());
  const auto reader = stub->GetDelta(&context, since);
  v1::GetDeltaResponse header;
  v1::GetDeltaResponse end;
  v1::GetDeltaResponse none;
  ASSERT_TRUE(reader->Read(&header));
  ASSERT_TRUE(reader->Read(&end));
  EXPECT_FALSE(reader->Read(&none));
  EXPECT_EQ(header.delta_header().etag(), first.etag());
  EXPECT_TRUE(end.has_category_end());
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(RealCatalogueTest, UnknownNamesAreNotFoundWithAReason) {
  EXPECT_THAT(server_->Get("no_such_category"), HasReason("CATEGORY_NOT_FOUND"));
  EXPECT_THAT(server_->Get("no_such_category"), StatusIs(absl::StatusCode::kNotFound));
  v1::GetModelRequest request;
  request.set_category("clip");
  request.set_name("no such model");
  EXPECT_THAT(server_->client().GetModel(request), HasReason("MODEL_NOT_FOUND"));
  request.set_name("ViT-L/14");
  ASSERT_OK_AND_ASSIGN(const auto model, server_->client().GetModel(request));
  EXPECT_EQ(model.model().name(), "ViT-L/14");
}

}  // namespace
}  // namespace modelref

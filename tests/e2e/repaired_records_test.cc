// Records that somebody broke in a file, and that are then written or deleted through the server.

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

struct Form {
  const char* name;
  const char* category;
  const char* file;
  const char* canonical;
  const char* good;    // "m" and "n".
  const char* broken;  // "m" cannot be represented.
  const char* wrong;   // What is broken of it.
  const char* json;    // What is put, with "repaired".
};

constexpr Form kForms[] = {
    {"V2", "ti", "ti.json", "v2", R"({"m":{"name":"m"},"n":{"name":"n"}})",
     R"({"m":{"name":"m","description":NaN},"n":{"name":"n"}})", "NaN",
     R"({"name":"m","description":"repaired"})"},
    {"Legacy", "clip", "legacy/clip.json", "legacy", R"({"m":{"name":"m"},"n":{"name":"n"}})",
     R"({"m":{"name":"m","description":NaN},"n":{"name":"n"}})", "NaN",
     R"({"name":"m","description":"repaired"})"},
    {"Table", "text_generation", "legacy/models.csv", "legacy",
     "name,parameters_bn,description\nm,7,x\nn,8,y\n",
     "name,parameters_bn,description\nm,zz,x\nn,8,y\n", "zz",
     R"({"parameters":7000000000,"description":"repaired"})"},
};

class RepairedRecordsTest : public ::testing::TestWithParam<Form> {
 protected:
  RepairedRecordsTest() { data_.Write(form_.file, form_.good); }

  void Serve() {
    const std::vector<std::string> flags = {"--canonical-format", form_.canonical};
    server_ = std::make_unique<ServerChild>(data_.path(), flags);
  }
  void Stop() {
    server_->process().Signal(SIGTERM);
    EXPECT_EQ(server_->process().Wait(), 0) << server_->process().err();
    server_.reset();
  }
  // Breaks "m" and waits until that is known.
  void Break() {
    data_.Write(form_.file, form_.broken);
    ASSERT_TRUE(Eventually([&] { return Unrepresentable() > 0; }));
  }
  int Unrepresentable() {
    const auto health = server_->client().CheckDependencies();
    EXPECT_THAT(health, IsOk());
    int count = 0;
    for (int i = 0; health.ok() && i < health->documents_size(); ++i) {
      count += health->documents(i).unrepresentable_models_size();
    }
    return count;
  }
  bool FileSays(absl::string_view text) { return absl::StrContains(data_.Read(form_.file), text); }

  const Form& form_ = GetParam();
  TempDir data_;
  std::unique_ptr<ServerChild> server_;
};

TEST_P(RepairedRecordsTest, AWriteReachesTheFileAndEndsTheProblem) {
  Serve();
  Break();
  v1::PutModelRequest request;
  request.set_category(form_.category);
  request.set_name("m");
  request.set_json(form_.json);
  request.mutable_options()->set_durability(v1::DURABILITY_FILE);
  ASSERT_THAT(server_->client().PutModel(request), IsOk());
  EXPECT_TRUE(FileSays("repaired")) << data_.Read(form_.file);
  EXPECT_FALSE(FileSays(form_.wrong)) << data_.Read(form_.file);
  EXPECT_EQ(Unrepresentable(), 0);
  Stop();
  Serve();
  EXPECT_EQ(Unrepresentable(), 0);
  EXPECT_TRUE(FileSays("repaired")) << data_.Read(form_.file);
}

TEST_P(RepairedRecordsTest, ADeleteReachesTheFileAndEndsTheProblem) {
  Serve();
  Break();
  v1::DeleteModelRequest request;
  request.set_category(form_.category);
  request.set_name("m");
  request.mutable_options()->set_durability(v1::DURABILITY_FILE);
  ASSERT_THAT(server_->client().DeleteModel(request), IsOk());
  EXPECT_FALSE(FileSays(form_.wrong)) << data_.Read(form_.file);
  EXPECT_TRUE(FileSays("n")) << data_.Read(form_.file);
  EXPECT_EQ(Unrepresentable(), 0);
  Stop();
  EXPECT_FALSE(FileSays(form_.wrong)) << data_.Read(form_.file);
}

TEST_P(RepairedRecordsTest, AWriteOfAnotherModelLeavesTheBrokenRecordInItsOwnWords) {
  Serve();
  Break();
  v1::PutModelRequest request;
  request.set_category(form_.category);
  request.set_name("n");
  request.set_json(absl::StrReplaceAll(form_.json, {{"\"m\"", "\"n\""}}));
  request.mutable_options()->set_durability(v1::DURABILITY_FILE);
  ASSERT_THAT(server_->client().PutModel(request), IsOk());
  EXPECT_TRUE(FileSays("repaired")) << data_.Read(form_.file);
  EXPECT_TRUE(FileSays(form_.wrong)) << data_.Read(form_.file);
  EXPECT_GT(Unrepresentable(), 0);
}

INSTANTIATE_TEST_SUITE_P(Forms, RepairedRecordsTest, ::testing::ValuesIn(kForms),
                         [](const auto& form) { return form.param.name; });

}  // namespace
}  // namespace modelref::testing

// import legacy: what it prints and how it exits.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::TempDir;

constexpr char kGood[] = R"({
  "RealESRGAN_x4plus": {
    "name": "RealESRGAN_x4plus",
    "type": "realesrgan",
    "description": "An upscaler",
    "version": "0.1.0",
    "config": {
      "files": [{"path": "RealESRGAN_x4plus.pth"}],
      "download": [
        {
          "file_name": "RealESRGAN_x4plus.pth",
          "file_path": "",
          "file_url": "https://example.com/RealESRGAN_x4plus.pth"
        }
      ]
    },
    "available": false
  }
})";

class ImportCommandTest : public ::testing::Test {
 protected:
  CtlResult Import(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"import", "legacy", source_.path(), "--data-dir",
                                          data_.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return runner_.Run(arguments);
  }

  TempDir source_;
  TempDir data_;
  CtlRunner runner_;
};

TEST_F(ImportCommandTest, GoodFileIsWrittenOnceAndUnchangedAfterwards) {
  source_.Write("esrgan.json", kGood);
  const CtlResult first = Import({"-o", "plain"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_TRUE(absl::StartsWith(first.out, "esrgan\t1\t0\twritten\t")) << first.out;
  EXPECT_TRUE(data_.Exists("legacy/esrgan.json"));
  EXPECT_TRUE(absl::StartsWith(Import({"-o", "plain"}).out, "esrgan\t1\t0\tunchanged\t"));
}

TEST_F(ImportCommandTest, QuietLogsNothingThatIsNoError) {
  source_.Write("esrgan.json", kGood);
  data_.Write("clip.json", R"({"a": {"v": 1}})");
  const auto logged = [this](const std::vector<std::string>& more) {
    ::testing::internal::CaptureStderr();
    const CtlResult result = Import(more);
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(result.code, 0) << result.err;
    return log;
  };
  EXPECT_EQ(logged({"--quiet"}), "");
  std::filesystem::remove_all(data_.PathOf(".modelref"));
  EXPECT_TRUE(absl::StrContains(logged({}), "store.adopted")) << "a directory is taken over";
}

TEST_F(ImportCommandTest, DryRunWritesNothing) {
  source_.Write("esrgan.json", kGood);
  const CtlResult result = Import({"--dry-run", "-o", "plain"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(absl::StartsWith(result.out, "esrgan\t1\t0\tchecked\t")) << result.out;
  EXPECT_FALSE(data_.Exists("legacy/esrgan.json"));
}

TEST_F(ImportCommandTest, RejectedRecordIsNamedAndExitCodeIsSeven) {
  std::string text = kGood;
  text.insert(text.rfind('}'), R"(, "broken": 5)");
  source_.Write("esrgan.json", text);
  const CtlResult result = Import();
  EXPECT_EQ(result.code, 7);
  EXPECT_TRUE(absl::StrContains(result.err, "esrgan.json")) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "error: model \"broken\": ")) << result.err;
  EXPECT_TRUE(absl::StrContains(result.out, "esrgan\t1\t1\twritten")) << result.out;
  const CtlResult json = Import({"-o", "json"});
  EXPECT_TRUE(absl::StrContains(json.err, R"("severity":"error","model":"broken")")) << json.err;
  EXPECT_TRUE(absl::StrContains(json.out, "\"rejected\": 1")) << json.out;
}

TEST_F(ImportCommandTest, NothingToImportIsExitCodeThree) {
  source_.Write("README.md", "no catalogue here");
  const CtlResult result = Import();
  EXPECT_EQ(result.code, 3) << result.err;
}

TEST_F(ImportCommandTest, FileThatIsNoJsonIsExitCodeSeven) {
  source_.Write("esrgan.json", "{\"a\": ");
  const CtlResult result = Import();
  EXPECT_EQ(result.code, 7) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "esrgan.json: error: ")) << result.err;
}

TEST_F(ImportCommandTest, DataDirectoryIsNeeded) {
  const CtlResult result = runner_.Run({"import", "legacy", source_.path()});
  EXPECT_EQ(result.code, 2);
  EXPECT_TRUE(absl::StrContains(result.err, "--data-dir")) << result.err;
}

}  // namespace
}  // namespace modelref::ctl

// What the original finds in a directory that we leave: every rule about its files, checked by a
// reader that shares no code with what writes them.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/e2e/original_reader.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CheckCategoryFile;
using ::modelref::testing::CheckMetadataFile;
using ::modelref::testing::CheckNames;
using ::modelref::testing::CheckTrail;
using ::modelref::testing::Child;
using ::modelref::testing::Eventually;
using ::modelref::testing::ReadShared;
using ::modelref::testing::RunShell;
using ::modelref::testing::ServerChild;
using ::modelref::testing::ShellResult;
using ::modelref::testing::TempDir;

// Waits until the document has as many models, then returns its counters.
v1::CategoryMetadata AwaitModels(ServerChild& server, const std::string& category, uint64_t count,
                                 v1::Format format = v1::FORMAT_V2) {
  v1::GetCategoryMetadataRequest request;
  request.set_category(category);
  request.set_format(format);
  v1::CategoryMetadata metadata;
  EXPECT_TRUE(Eventually([&] {
    const auto response = server.client().GetCategoryMetadata(request);
    if (response.ok()) metadata = response->metadata();
    return metadata.total_models() == count && metadata.exists();
  })) << metadata.DebugString();
  return metadata;
}

void ExpectSettled(const TempDir& data) {
  EXPECT_EQ(CheckNames(data.path()), "");
  EXPECT_EQ(CheckTrail(data.PathOf("audit")), "");
  for (const auto& entry : fs::recursive_directory_iterator(data.PathOf("meta"))) {
    if (entry.is_directory()) continue;
    const std::string name = fs::relative(entry.path(), data.path()).string();
    EXPECT_EQ(CheckMetadataFile(data.Read(name)), "") << name;
  }
}

TEST(OriginalReaderTest, TellsWhatIsWrong) {
  EXPECT_EQ(CheckCategoryFile("{\n  \"a\": {},\n  \"b\": [\n    1,\n    \"x: {\"\n  ]\n}"), "");
  EXPECT_EQ(CheckCategoryFile("{}"), "");
  for (const char* bytes : {"{\n  \"a\": 1\n}\n", "{\"a\": 1}", "{\n    \"a\": 1\n}", "[]", "",
                            "{\n  \"a\": \"\\u00e9\"\n}", "{\n  \"a\":1\n}"}) {
    EXPECT_NE(CheckCategoryFile(bytes), "") << bytes;
  }
  EXPECT_NE(CheckMetadataFile("{}"), "");
  TempDir audit;
  const std::string line =
      R"({"event_id":1,"timestamp":1,"domain":"v2","category":"clip","model_name":"a",)"
      R"("operation":"create","logical_user_id":"1","payload":{"after":{}}})"
      "\n";
  audit.Write("v2/clip/audit-000001.jsonl", line);
  audit.Write("index.json", "{\n  \"last_event_id\": 1\n}");
  EXPECT_EQ(CheckTrail(audit.path()), "");
  audit.Write("index.json", "{\n  \"last_event_id\": 2\n}");
  EXPECT_EQ(CheckTrail(audit.path()), "");
  for (const char* bytes : {"{\n  \"last_event_id\": 0\n}", "{\"last_event_id\": 1}", ""}) {
    audit.Write("index.json", bytes);
    EXPECT_NE(CheckTrail(audit.path()), "") << bytes;
  }
  audit.Write("index.json", "{\n  \"last_event_id\": 1\n}");
  audit.Write("v2/clip/audit-000001.jsonl", line + line);
  EXPECT_NE(CheckTrail(audit.path()), "");
  EXPECT_NE(CheckNames(audit.path()), "");
}

// The run of the original that the samples are of, with our server.
TEST(SettledDirectoryTest, ARunOfTheOriginalLeavesTheSameFiles) {
  SKIP_WITHOUT_SHARED_DATA();
  const std::string samples = "golden/samples/";
  const std::string golden = ReadShared(samples + "miscellaneous.json");
  TempDir data;
  data.Write("miscellaneous.json", "{}");
  v1::CategoryMetadata metadata;
  {
    ServerChild server(data.path());
    data.Write("miscellaneous.json", golden);
    metadata = AwaitModels(server, "miscellaneous", 3);
    server.process().Signal(SIGTERM);
    EXPECT_EQ(server.process().Wait(), 0);
  }
  EXPECT_EQ(data.Read("miscellaneous.json"), golden);
  // But for the time, and for the number of models, which the original never counts.
  const std::string time = absl::StrCat(metadata.last_updated().seconds());
  const std::string expected =
      absl::StrReplaceAll(ReadShared(samples + "meta_v2/miscellaneous_metadata.json"),
                          {{"1795211759", time}, {"\"total_models\": 0", "\"total_models\": 3"}});
  EXPECT_EQ(data.Read("meta/v2/miscellaneous_metadata.json"), expected);
  EXPECT_EQ(data.Read("audit/index.json"),
            absl::StrReplaceAll(ReadShared(samples + "audit/index.json"), {{"16", "3"}}));
  ExpectSettled(data);
}

TEST(SettledDirectoryTest, EveryFileIsAsTheOriginalReadsItAfterEditsPopulationAndAKill) {
  SKIP_WITHOUT_SHARED_DATA();
  TempDir data;
  data.Write("stable_diffusion.json", ReadShared("golden/v2/stable_diffusion.json"));
  data.Write("clip.json", ReadShared("golden/v2/clip.json"));
  data.Write("legacy/clip.json", ReadShared("data/AI-Horde-image-model-reference/clip.json"));
  data.Write("legacy/models.csv", ReadShared("data/AI-Horde-text-model-reference/models.csv"));
  {
    ServerChild server(data.path());
    const std::string ctl = "modelrefctl category metadata --server " + server.address();
    const ShellResult dry = RunShell(ctl + " --populate --dry-run -o json");
    EXPECT_EQ(dry.code, 0) << dry.err;
    EXPECT_FALSE(fs::exists(data.PathOf("meta"))) << "nothing is written by a dry run";
    const ShellResult populated = RunShell(ctl + " --populate -o json");
    EXPECT_EQ(populated.code, 0) << populated.err;
    EXPECT_TRUE(absl::StrContains(populated.out, "\"total_models_updated\": 163")) << populated.out;
    EXPECT_TRUE(absl::StrContains(dry.out, "\"total_models_updated\": 163")) << dry.out;
    const ShellResult again = RunShell(ctl + " --populate -o json");
    EXPECT_TRUE(absl::StrContains(again.out, "\"total_models_updated\": 0")) << again.out;
    EXPECT_EQ(AwaitModels(server, "image_generation", 161).total_updates(), 161u);
    EXPECT_EQ(AwaitModels(server, "text_generation", 719, v1::FORMAT_LEGACY).total_creates(), 0u);
    const ShellResult table = RunShell(ctl + " image_generation -o plain");
    EXPECT_TRUE(absl::StrContains(table.out, "image_generation")) << table.out << table.err;
    EXPECT_EQ(RunShell(ctl + " no_such_category").code, RunShell("modelrefctl category get "
                                                                 "no_such_category --server " +
                                                                 server.address())
                                                            .code);
    server.process().Signal(SIGKILL);
    server.process().Wait();
  }
  const ShellResult settled = RunShell("modelrefctl store settle --data-dir " + data.path());
  EXPECT_EQ(settled.code, 0) << settled.err;
  ExpectSettled(data);
  EXPECT_TRUE(data.Exists("meta/legacy/text_generation_metadata.json"));
  EXPECT_TRUE(data.Exists("meta/v2/lora_metadata.json"));
  EXPECT_FALSE(data.Exists("meta/legacy/lora_metadata.json")) << "it has no legacy form";
  EXPECT_EQ(CheckCategoryFile(data.Read("stable_diffusion.json")), "");
  EXPECT_EQ(CheckCategoryFile(data.Read("clip.json")), "");
  EXPECT_TRUE(absl::StrContains(data.Read("stable_diffusion.json"), "\"created_at\": "));
  EXPECT_EQ(data.Read("legacy/clip.json"),
            ReadShared("data/AI-Horde-image-model-reference/clip.json"));
  EXPECT_EQ(data.Read("legacy/models.csv"),
            ReadShared("data/AI-Horde-text-model-reference/models.csv"));
  const ShellResult check = RunShell("modelrefctl store check --data-dir " + data.path());
  EXPECT_EQ(check.code, 0) << check.err;
}

TEST(SettledDirectoryTest, AServerMayPopulateAtItsStart) {
  TempDir data;
  data.Write("clip.json", R"({"a": {"name": "a"}})");
  data.Write("config.json", R"({"store": {"populate_metadata": true}})");
  const std::string config = data.PathOf("config.json");
  for (int i = 0; i < 2; ++i) {
    ServerChild server(data.path(), {"--config", config});
    const v1::CategoryMetadata metadata = AwaitModels(server, "clip", 1);
    EXPECT_EQ(metadata.total_updates(), 1u) << "once";
    server.process().Signal(SIGTERM);
    EXPECT_EQ(server.process().Wait(), 0);
  }
  const std::string file = data.Read("clip.json");
  std::smatch match;
  EXPECT_TRUE(std::regex_search(file, match, std::regex(R"re("created_at": ([0-9]+))re"))) << file;
  EXPECT_TRUE(absl::StrContains(data.Read("meta/v2/clip_metadata.json"),
                                "\"initialization_time\": " + match[1].str()))
      << "models get the time at which the metadata began";
}

}  // namespace
}  // namespace modelref

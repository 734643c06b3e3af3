#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/mirror_directory.h"
#include "clients/modelrefctl/exit_codes.h"
#include "tests/clients/cpp/fake_catalogue.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {
namespace {

class SyncCommandTest : public ::testing::Test {
 protected:
  SyncCommandTest() {
    catalogue_.Commit("clip", {}, {{"a", "1.50"}, {"b", "{}"}});
    catalogue_.Commit("esrgan", {}, {{"e", "1"}});
    server_ = std::make_unique<FakeServer>(catalogue_.Handlers());
    runner_.SetVariable("MODELREF_SERVER", server_->address());
  }
  CtlResult Sync(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "sync");
    return runner_.Run(arguments);
  }
  CtlResult Once() { return Sync({"--once", dir_.path(), "-o", "plain"}); }
  CtlResult Check() { return Sync({"--check", dir_.path(), "-o", "plain"}); }
  // "clip written" of every line of -o plain.
  static std::vector<std::string> Results(const CtlResult& result) {
    std::vector<std::string> results;
    for (absl::string_view line : absl::StrSplit(result.out, '\n', absl::SkipEmpty())) {
      const std::vector<std::string> cells = absl::StrSplit(line, '\t');
      results.push_back(absl::StrCat(cells[0], " ", cells[2]));
    }
    return results;
  }

  FakeCatalogue catalogue_;
  std::unique_ptr<FakeServer> server_;
  CtlRunner runner_;
  TempDir dir_;
};

using Lines = std::vector<std::string>;

TEST_F(SyncCommandTest, OnceCopiesEverythingAndTheSecondTimeNothing) {
  const CtlResult first = Once();
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(Results(first), (Lines{"clip written", "esrgan written"}));
  const MirrorContent content = ReadMirrorDirectory(dir_.path());
  ASSERT_EQ(content.copies.size(), 2u);
  EXPECT_EQ(content.copies[0].document->ToJson(), catalogue_.Document("clip")->ToJson());
  const int transfers = catalogue_.counts().transfers;
  const CtlResult second = Once();
  EXPECT_EQ(Results(second), (Lines{"clip unchanged", "esrgan unchanged"}));
  EXPECT_EQ(catalogue_.counts().transfers, transfers);
}

TEST_F(SyncCommandTest, OnceFetchesChangesAndRemovesWhatIsGone) {
  Once();
  catalogue_.Commit("clip", {"a"}, {});
  catalogue_.Remove("esrgan");
  catalogue_.Commit("new", {}, {{"n", "1"}});
  EXPECT_EQ(Results(Once()), (Lines{"clip written", "esrgan removed", "new written"}));
  EXPECT_FALSE(dir_.Exists("esrgan.v2.json"));
  EXPECT_EQ(Check().code, 0);
}

TEST_F(SyncCommandTest, FilesAreJsonForPeopleAndTools) {
  Once();
  ASSERT_OK_AND_ASSIGN(const Json document, ParseJson(dir_.Read("clip.v2.json")));
  EXPECT_EQ(*document.AsObject()->Find("category")->AsString(), "clip");
  EXPECT_EQ(CanonicalJson(*document.AsObject()->Find("records")), R"({"a":1.50,"b":{}})");
  ASSERT_OK_AND_ASSIGN(const Json manifest, ParseJson(dir_.Read("manifest.json")));
  EXPECT_EQ(manifest.AsObject()->Find("documents")->AsArray()->size(), 2u);
}

// Scripts read these names.
TEST_F(SyncCommandTest, MembersOfALineAreStable) {
  const CtlResult result = Sync({"--once", dir_.path(), "-o", "jsonl"});
  ASSERT_OK_AND_ASSIGN(const Json line, ParseJson(result.out.substr(0, result.out.find('\n'))));
  Lines names;
  for (const auto& [name, value] : line.AsObject()->members()) names.push_back(name);
  EXPECT_EQ(names, (Lines{"category", "format", "result", "file", "epoch", "revision",
                          "mod_revision", "etag", "record_count"}));
  const CtlResult json = Sync({"--once", dir_.path(), "-o", "json"});
  ASSERT_OK_AND_ASSIGN(const Json root, ParseJson(json.out));
  EXPECT_EQ(root.AsObject()->Find("documents")->AsArray()->size(), 2u);
  EXPECT_EQ(Sync({"--once", dir_.path(), "-o", "name"}).out, "clip.v2.json\nesrgan.v2.json\n");
}

TEST_F(SyncCommandTest, ServerThatIsDownIsAnErrorAndTheCopyStays) {
  Once();
  server_.reset();
  EXPECT_EQ(Once().code, static_cast<int>(ctl::ExitCode::kUnavailable));
  EXPECT_EQ(Check().code, 0);
}

TEST_F(SyncCommandTest, DocumentThatCannotBeHadIsToldAndTheRestIsCopied) {
  Once();
  catalogue_.Set(
      {.inline_deltas = false,
       .fetch_error = Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED", "damaged")});
  catalogue_.Commit("clip", {"a"}, {});
  const CtlResult result = Once();
  EXPECT_EQ(result.code, static_cast<int>(ctl::ExitCode::kIntegrity));
  EXPECT_EQ(Results(result), (Lines{"clip failed", "esrgan unchanged"}));
  // The last good one stays.
  EXPECT_EQ(Check().code, 0);
}

TEST_F(SyncCommandTest, WhatDoesNotAddUpIsFetchedAgainBeforeItIsAnError) {
  Once();
  const absl::Status mismatch =
      Error(absl::StatusCode::kDataLoss, "INTEGRITY_FAILURE", "another etag");
  catalogue_.Set({.inline_deltas = false, .fetch_error = mismatch, .fetch_errors = 2});
  catalogue_.Commit("clip", {"a"}, {});
  const CtlResult healed = Once();
  EXPECT_EQ(healed.code, 0) << healed.err;
  EXPECT_EQ(Results(healed), (Lines{"clip written", "esrgan unchanged"}));
}

TEST_F(SyncCommandTest, WhatNeverAddsUpIsAnErrorAfterSomeFetches) {
  Once();
  catalogue_.Set(
      {.inline_deltas = false,
       .fetch_error = Error(absl::StatusCode::kDataLoss, "INTEGRITY_FAILURE", "another etag")});
  catalogue_.Commit("clip", {"a"}, {});
  const FakeCatalogue::Counts before = catalogue_.counts();
  const CtlResult result = Once();
  EXPECT_EQ(result.code, static_cast<int>(ctl::ExitCode::kIntegrity));
  EXPECT_EQ(Results(result), (Lines{"clip failed", "esrgan unchanged"}));
  const FakeCatalogue::Counts after = catalogue_.counts();
  EXPECT_GE(after.deltas + after.transfers - before.deltas - before.transfers, 4);
  EXPECT_EQ(Check().code, 0) << "the last good one stays";
}

TEST_F(SyncCommandTest, TimeThatIsUpIsAnError) {
  catalogue_.Set({.hold_fetches = true});
  const CtlResult result = Sync({"--once", dir_.path(), "--timeout", "1s"});
  EXPECT_EQ(result.code, static_cast<int>(ctl::ExitCode::kUnavailable)) << result.err;
  catalogue_.Set({});
}

TEST_F(SyncCommandTest, OneProcessWritesADirectory) {
  const auto other = MirrorDirectory::Open(dir_.path());
  const CtlResult result = Once();
  EXPECT_EQ(result.code, static_cast<int>(ctl::ExitCode::kConflict));
  EXPECT_TRUE(absl::StrContains(result.err, "another process keeps this copy")) << result.err;
}

TEST_F(SyncCommandTest, CheckNamesEveryKindOfTrouble) {
  EXPECT_EQ(Check().code, static_cast<int>(ctl::ExitCode::kNotFound));
  Once();
  EXPECT_EQ(Results(Check()), (Lines{"clip ok", "esrgan ok"}));
  const std::string clip = dir_.Read("clip.v2.json");
  dir_.Write("clip.v2.json", clip.substr(1));
  CtlResult result = Check();
  EXPECT_EQ(result.code, static_cast<int>(ctl::ExitCode::kIntegrity));
  EXPECT_EQ(Results(result), (Lines{"clip damaged", "esrgan ok"}));
  dir_.Remove("clip.v2.json");
  result = Check();
  EXPECT_EQ(result.code, static_cast<int>(ctl::ExitCode::kIntegrity));
  EXPECT_EQ(Results(result), (Lines{"clip missing", "esrgan ok"}));
  dir_.Write("clip.v2.json", clip);
  const std::string manifest = dir_.Read("manifest.json");
  dir_.Write("manifest.json", manifest.substr(0, manifest.size() - 2));
  EXPECT_EQ(Check().code, static_cast<int>(ctl::ExitCode::kIntegrity));
  dir_.Remove("manifest.json");
  EXPECT_EQ(Check().code, static_cast<int>(ctl::ExitCode::kDifferent));
}

TEST_F(SyncCommandTest, CheckFindsWholeDocumentsThatAreNotThoseOfTheManifest) {
  Once();
  const std::string manifest = dir_.Read("manifest.json");
  catalogue_.Commit("clip", {"a"}, {});
  Once();
  dir_.Write("manifest.json", manifest);
  const CtlResult result = Check();
  EXPECT_EQ(result.code, static_cast<int>(ctl::ExitCode::kDifferent));
  EXPECT_EQ(Results(result), (Lines{"clip different", "esrgan ok"}));
  EXPECT_TRUE(absl::StrContains(result.err, "run it again"));
}

TEST_F(SyncCommandTest, WithoutOnceItFollowsUntilInterrupted) {
  Cancellation over;
  std::thread user([&] {
    const auto holds = [&](const std::string& text) {
      const MirrorContent content = ReadMirrorDirectory(dir_.path());
      return content.manifest.ok() && content.manifest->documents.size() == 2 &&
             absl::StrContains(content.copies[0].document->ToJson(), text);
    };
    while (!holds("\"a\"") && !over.WaitFor(absl::Milliseconds(5))) {
    }
    catalogue_.Commit("clip", {"a"}, {{"z", "1"}});
    while (!holds("\"z\"") && !over.WaitFor(absl::Milliseconds(5))) {
    }
    runner_.interrupts().Trigger();
  });
  const CtlResult result = Sync({dir_.path(), "-o", "plain", "--timeout", "30s"});
  over.Cancel();
  user.join();
  EXPECT_EQ(result.code, static_cast<int>(ctl::ExitCode::kInterrupted)) << result.err;
  EXPECT_THAT(Results(result),
              ::testing::UnorderedElementsAre("clip written", "esrgan written", "clip written"));
}

TEST_F(SyncCommandTest, CommandLinesThatMakeNoSenseAreRefused) {
  EXPECT_EQ(Sync({}).code, static_cast<int>(ctl::ExitCode::kUsage));
  EXPECT_EQ(Sync({"--once", "--check", dir_.path()}).code, static_cast<int>(ctl::ExitCode::kUsage));
  EXPECT_EQ(Sync({"--check", dir_.path(), "clip"}).code, static_cast<int>(ctl::ExitCode::kUsage));
}

}  // namespace
}  // namespace modelref::testing

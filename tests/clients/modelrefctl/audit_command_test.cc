// audit verify: what it prints and how it exits.

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "audit/line.h"
#include "audit/segment_writer.h"
#include "backends/base/json.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::IsOk;
using ::modelref::testing::TempDir;

constexpr char kSegment[] = "audit/v2/clip/audit-000001.jsonl";

class AuditCommandTest : public ::testing::Test {
 protected:
  AuditCommandTest() {
    SegmentWriter writer(dir_.PathOf("audit"), {});
    EXPECT_THAT(writer.Recover({}), IsOk());
    for (const uint64_t id : {7, 9}) {
      AuditEvent event;
      event.event_id = id;
      event.category = "clip";
      event.model_name = absl::StrCat("m", id);
      event.logical_user_id = "1";
      event.after = "{}";
      event.txn = id;
      event.time_us = 0;
      EXPECT_THAT(writer.Append(event), IsOk());
    }
    EXPECT_THAT(writer.Sync(), IsOk());
    chain_ = ToHex(AsBytes(writer.Heads()[0].chain));
  }

  void Damage() {
    dir_.Write(kSegment, absl::StrReplaceAll(dir_.Read(kSegment), {{"\"m9\"", "\"mX\""}}));
  }

  TempDir dir_;
  CtlRunner runner_;
  std::string chain_;
};

TEST_F(AuditCommandTest, AnIntactTrailIsListedPerSeriesWithExitCodeZero) {
  const CtlResult result = runner_.Run({"audit", "verify", dir_.PathOf("audit"), "-o", "plain"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, absl::StrCat("v2\tclip\t1\t2\t0\t0\t9\t", chain_, "\n"));
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(runner_.Run({"audit", "verify", "--data-dir", dir_.path(), "-o", "plain"}).out,
            result.out);
  runner_.SetVariable("MODELREF_DATA_DIR", dir_.path());
  EXPECT_EQ(runner_.Run({"audit", "verify", "-o", "plain"}).out, result.out);
}

TEST_F(AuditCommandTest, TheTableHasAHeadingAndTheChainOnlyWhenWide) {
  const CtlResult table =
      runner_.Run({"audit", "verify", "--data-dir", dir_.path(), "-o", "table"});
  EXPECT_TRUE(absl::StartsWith(table.out, "DOMAIN  CATEGORY  SEGMENTS")) << table.out;
  EXPECT_FALSE(absl::StrContains(table.out, chain_));
  EXPECT_TRUE(absl::StrContains(
      runner_.Run({"audit", "verify", "--data-dir", dir_.path(), "-o", "wide"}).out, chain_));
}

TEST_F(AuditCommandTest, ProblemsAreNamedWithFileAndLineAndExitCodeNine) {
  Damage();
  const CtlResult result =
      runner_.Run({"audit", "verify", "--data-dir", dir_.path(), "-o", "plain"});
  EXPECT_EQ(result.code, 9);
  EXPECT_TRUE(absl::StartsWith(
      result.err, absl::StrCat(dir_.PathOf(kSegment), ":2: CHAIN_BROKEN: the line says ", chain_)))
      << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "1 problems in 2 events (AUDIT_DAMAGED)"));
  EXPECT_TRUE(absl::StartsWith(result.out, "v2\tclip\t1\t2\t0\t1\t9\t")) << result.out;
}

TEST_F(AuditCommandTest, JsonHasTheNamesOfTheContract) {
  Damage();
  const CtlResult result =
      runner_.Run({"audit", "verify", "--data-dir", dir_.path(), "-o", "json"});
  EXPECT_EQ(result.code, 9);
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(result.out));
  const JsonObject& object = *json.AsObject();
  EXPECT_EQ(*object.Find("intact"), Json(false));
  EXPECT_EQ(*object.Find("problem_count"), Json::Number(1));
  EXPECT_EQ(*object.Find("checked_events"), Json::Number(2));
  const JsonObject& problem = *(*object.Find("problems")->AsArray())[0].AsObject();
  EXPECT_EQ(*problem.Find("kind"), Json("LOG_PROBLEM_KIND_CHAIN_BROKEN"));
  EXPECT_EQ(*problem.Find("file"), Json("v2/clip/audit-000001.jsonl"));
  EXPECT_EQ(*problem.Find("line"), Json::Number(2));
  EXPECT_EQ(*problem.Find("event_id"), Json::Number(9));
  const JsonObject& series = *(*object.Find("series")->AsArray())[0].AsObject();
  EXPECT_EQ(*series.Find("domain"), Json("v2"));
  EXPECT_EQ(*series.Find("last_event_id"), Json::Number(9));
  EXPECT_TRUE(absl::StrContains(result.err, R"("reason":"AUDIT_DAMAGED")")) << result.err;
}

TEST_F(AuditCommandTest, NoTrailIsExitCodeThreeAndNoDirectoryTwo) {
  EXPECT_EQ(runner_.Run({"audit", "verify", dir_.path()}).code, 3);
  EXPECT_EQ(runner_.Run({"audit", "verify"}).code, 2);
  EXPECT_EQ(runner_.Run({"audit", "verify", dir_.path(), "--data-dir", dir_.path()}).code, 2);
}

}  // namespace
}  // namespace modelref::ctl

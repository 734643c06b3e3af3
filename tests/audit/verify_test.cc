#include "audit/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "audit/chain.h"
#include "audit/line.h"
#include "backends/base/json.h"
#include "tests/audit/audit_events.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::AppendEvents;
using ::modelref::testing::AsForeign;
using ::modelref::testing::Create;
using ::modelref::testing::kControlnet;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kFirst[] = "v2/controlnet/audit-000001.jsonl";
constexpr char kSecond[] = "v2/controlnet/audit-000002.jsonl";

class AuditVerifyTest : public ::testing::Test {
 protected:
  AuditVerifyTest() {
    AppendEvents(dir_.path(), {Create(1, "a"), Create(2, "b"), Create(3, "c"), Create(4, "d")},
                 400);
    first_ = dir_.Read(kFirst);
    second_ = dir_.Read(kSecond);
  }

  AuditVerification Verify() {
    const auto verified = VerifyAudit(dir_.path());
    EXPECT_TRUE(verified.ok()) << verified.status();
    return verified.value_or(AuditVerification{});
  }

  // The kinds of problems with their file and line.
  std::vector<std::string> Found() {
    std::vector<std::string> found;
    for (const LogProblem& problem : Verify().problems) {
      found.push_back(
          absl::StrCat(LogProblemKindName(problem.kind), " ", problem.file, ":", problem.line));
      EXPECT_FALSE(problem.detail.empty());
    }
    return found;
  }

  static std::string Foreign(uint64_t id) {
    return absl::StrCat(EncodeAuditLine(AsForeign(Create(id, "f"))), "\n");
  }

  TempDir dir_;
  std::string first_;
  std::string second_;
};

TEST_F(AuditVerifyTest, WhatWasWrittenIsIntactAndHasAHead) {
  const AuditVerification verified = Verify();
  EXPECT_TRUE(verified.intact());
  EXPECT_EQ(verified.checked_events, 4u);
  EXPECT_EQ(verified.checked_bytes, first_.size() + second_.size());
  ASSERT_EQ(verified.series.size(), 1u);
  const VerifiedSeries& series = verified.series[0];
  EXPECT_EQ(series.head.key, kControlnet);
  EXPECT_EQ(series.head.last_event_id, 4u);
  EXPECT_NE(second_.find(ToHex(AsBytes(series.head.chain))), std::string::npos);
  EXPECT_EQ(series.segments, 2u);
  EXPECT_EQ(series.events, 4u);
  EXPECT_EQ(series.foreign, 0u);
}

TEST_F(AuditVerifyTest, EveryChangedByteIsFound) {
  for (size_t i = 0; i < first_.size(); ++i) {
    std::string changed = first_;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    dir_.Write(kFirst, changed);
    EXPECT_FALSE(Verify().intact()) << "byte " << i;
  }
}

TEST_F(AuditVerifyTest, AChangedLineIsNamedAndTheNextOnesAreChecked) {
  dir_.Write(kFirst,
             absl::StrReplaceAll(first_, {{"\"model_name\":\"a\"", "\"model_name\":\"z\""}}));
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("CHAIN_BROKEN ", kFirst, ":1")));
  dir_.Write(kFirst,
             absl::StrReplaceAll(first_, {{"\"model_name\":\"b\"", "\"model_name\":\"z\""}}));
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("CHAIN_BROKEN ", kFirst, ":2")));
}

TEST_F(AuditVerifyTest, ALineThatWasTakenAwayOrMovedIsFound) {
  const std::vector<std::string> lines = absl::StrSplit(first_, '\n');
  dir_.Write(kFirst, absl::StrCat(lines[1], "\n"));
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("CHAIN_BROKEN ", kFirst, ":1")));
  dir_.Write(kFirst, absl::StrCat(lines[0], "\n"));
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("CHAIN_BROKEN ", kSecond, ":1")));
  dir_.Write(kFirst, absl::StrCat(lines[1], "\n", lines[0], "\n"));
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("CHAIN_BROKEN ", kFirst, ":1"),
                                   absl::StrCat("CHAIN_BROKEN ", kFirst, ":2"),
                                   absl::StrCat("ID_ORDER ", kFirst, ":2"),
                                   absl::StrCat("CHAIN_BROKEN ", kSecond, ":1")));
}

TEST_F(AuditVerifyTest, AMissingSegmentIsFound) {
  dir_.Remove(kFirst);
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("MISSING ", kSecond, ":0"),
                                   absl::StrCat("CHAIN_BROKEN ", kSecond, ":1")));
}

TEST_F(AuditVerifyTest, ForeignAndUnreadableLinesAmongOursAreNamedAndCoveredByTheNextChain) {
  dir_.Write(kSecond, absl::StrCat(second_, Foreign(5), "garbage\n"));
  AppendEvents(dir_.path(), {Create(6, "e")});
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("FOREIGN_LINE ", kSecond, ":3"),
                                   absl::StrCat("UNREADABLE_LINE ", kSecond, ":4")));
  EXPECT_EQ(Verify().series[0].foreign, 2u);
  dir_.Write(kSecond, absl::StrCat(second_, Foreign(5), "garbagE\n"));
  EXPECT_THAT(Found(), ::testing::Contains("CHAIN_BROKEN v2/controlnet/audit-000003.jsonl:1"));
}

TEST_F(AuditVerifyTest, AdoptedLinesAreNoProblemButCovered) {
  TempDir dir;
  dir.Write(kFirst, absl::StrCat(Foreign(1), "garbage\n", Foreign(2), "{\"event"));
  const auto adopted = VerifyAudit(dir.path());
  ASSERT_TRUE(adopted.ok());
  EXPECT_TRUE(adopted->intact()) << "no line of ours";
  AppendEvents(dir.path(), {Create(3, "b")});
  auto verified = VerifyAudit(dir.path());
  ASSERT_TRUE(verified.ok());
  EXPECT_TRUE(verified->intact());
  EXPECT_EQ(verified->checked_events, 3u);
  EXPECT_EQ(verified->series[0].foreign, 4u);
  dir.Write(kFirst, absl::StrCat(Foreign(1), "gArbage\n", Foreign(2), "{\"event"));
  verified = VerifyAudit(dir.path());
  ASSERT_TRUE(verified.ok());
  EXPECT_THAT(verified->problems, ::testing::SizeIs(1));
  EXPECT_EQ(verified->problems[0].kind, LogProblemKind::kChainBroken);
}

TEST_F(AuditVerifyTest, OursMustGoOnAboveTheAdoptedIds) {
  TempDir dir;
  dir.Write(kFirst, Foreign(10));
  AppendEvents(dir.path(), {Create(3, "b")});
  const auto verified = VerifyAudit(dir.path());
  ASSERT_TRUE(verified.ok());
  ASSERT_EQ(verified->problem_count, 1u);
  EXPECT_EQ(verified->problems[0].kind, LogProblemKind::kIdOrder);
}

TEST_F(AuditVerifyTest, AnIncompleteLastLineIsUnreadable) {
  dir_.Write(kSecond, second_.substr(0, second_.size() - 1));
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("UNREADABLE_LINE ", kSecond, ":2")));
}

TEST_F(AuditVerifyTest, AnOldIndexIsFound) {
  dir_.Write("index.json", "{\"last_event_id\": 3}");
  EXPECT_THAT(Found(), ElementsAre("ID_ORDER index.json:0"));
  dir_.Remove("index.json");
  EXPECT_THAT(Found(), ElementsAre("MISSING index.json:0"));
}

TEST_F(AuditVerifyTest, ALineInTheWrongFolderOrOfNoEventIsFoundThoughItsChainIsRight) {
  AuditChain chain;
  AuditEvent other = Create(1, "a");
  other.category = "clip";
  std::string text;
  for (std::string encoded : {EncodeAuditLine(other), EncodeAuditLine(Create(2, "b"))}) {
    encoded = absl::StrReplaceAll(encoded, {{"\"model_name\":\"b\"", "\"model_name\":5"}});
    absl::StrAppend(&text, SealAuditLine(encoded, chain.Seal(CoveredPart(encoded))), "\n");
  }
  dir_.Write(kFirst, text);
  dir_.Remove(kSecond);
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("UNKNOWN_LINE ", kFirst, ":1"),
                                   absl::StrCat("UNREADABLE_LINE ", kFirst, ":2")));
}

TEST_F(AuditVerifyTest, AFileThatCannotBeReadIsAProblemAndHidesNoOther) {
  AuditEvent other = Create(5, "a");
  other.category = "clip";
  AppendEvents(dir_.path(), {other});
  dir_.Remove(kSecond);
  std::filesystem::create_symlink("nowhere", dir_.PathOf(kSecond));
  EXPECT_THAT(Found(), ElementsAre(absl::StrCat("UNREADABLE_LINE ", kSecond, ":0")));
  EXPECT_EQ(Verify().checked_events, 3u);
}

TEST_F(AuditVerifyTest, ADetailIsCutBetweenCharacters) {
  AuditChain chain;
  AuditEvent other = Create(1, "a");
  for (const char* start : {"x", "xy"}) {
    other.category = start;
    for (int i = 0; i < 300; ++i) other.category += "\xC3\xA9";
    const std::string encoded = EncodeAuditLine(other);
    chain.Continue({});
    dir_.Write(kFirst, SealAuditLine(encoded, chain.Seal(CoveredPart(encoded))) + "\n");
    const AuditVerification verified = Verify();
    ASSERT_FALSE(verified.problems.empty());
    EXPECT_EQ(verified.problems[0].kind, LogProblemKind::kUnknownLine);
    EXPECT_TRUE(IsValidUtf8(verified.problems[0].detail));
    EXPECT_GT(verified.problems[0].detail.size(), 500u);
  }
}

TEST_F(AuditVerifyTest, ManyProblemsAreCountedAndNotAllListed) {
  std::string text = second_;
  for (size_t i = 0; i < kMaxListedProblems + 5; ++i) text += "x\n";
  dir_.Write(kSecond, text);
  const AuditVerification verified = Verify();
  EXPECT_EQ(verified.problem_count, kMaxListedProblems + 5);
  EXPECT_EQ(verified.problems.size(), kMaxListedProblems);
  EXPECT_EQ(verified.series[0].problems, kMaxListedProblems + 5);
}

TEST_F(AuditVerifyTest, TheCallerSeesTheProgressAndMayEnd) {
  std::vector<uint64_t> events;
  const auto verified = VerifyAudit(dir_.path(), [&](const AuditVerification& so_far) {
    events.push_back(so_far.checked_events);
    return false;
  });
  ASSERT_TRUE(verified.ok());
  EXPECT_THAT(events, ElementsAre(2u));
}

TEST_F(AuditVerifyTest, NoTrailIsNotFound) {
  EXPECT_THAT(VerifyAudit(dir_.PathOf("none")), StatusIs(absl::StatusCode::kNotFound));
  TempDir empty;
  EXPECT_THAT(VerifyAudit(empty.path()), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace modelref

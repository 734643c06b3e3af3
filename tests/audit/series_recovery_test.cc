#include "audit/series_recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "audit/layout.h"
#include "audit/line.h"
#include "audit/line_reader.h"
#include "audit/verify.h"
#include "backends/base/failpoint.h"
#include "tests/audit/audit_events.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::AppendEvents;
using ::modelref::testing::AsForeign;
using ::modelref::testing::Create;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::kControlnet;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;

constexpr char kFirst[] = "v2/controlnet/audit-000001.jsonl";
constexpr char kSecond[] = "v2/controlnet/audit-000002.jsonl";

std::string ForeignLine(uint64_t id) {
  return absl::StrCat(EncodeAuditLine(AsForeign(Create(id, "f"))), "\n");
}

AuditSeriesEnd Recover(const TempDir& dir, const AuditOffset& offset) {
  AuditChain chain;
  const auto end = RecoverAuditSeries(dir.path(), kControlnet, offset, &chain);
  EXPECT_THAT(end, IsOk());
  return end.value_or(AuditSeriesEnd{});
}

// Appends event 3 to what is there and expects a trail without fault.
void ExpectContinues(const TempDir& dir, uint64_t synced) {
  SegmentWriter writer(dir.path(), {});
  ASSERT_THAT(writer.Recover({.synced = synced}), IsOk());
  for (uint64_t id = synced + 1; id <= 3; ++id) {
    ASSERT_THAT(writer.Append(Create(id, absl::StrCat("m", id))), IsOk());
  }
  ASSERT_THAT(writer.Sync(), IsOk());
  ASSERT_OK_AND_ASSIGN(const AuditVerification verified, VerifyAudit(dir.path()));
  EXPECT_TRUE(verified.intact()) << verified.problems[0].detail;
  EXPECT_EQ(verified.checked_events, 3u);
}

class AuditRecoveryTest : public ::testing::Test {
 protected:
  // Events 1, 2 and 3, and what the segment was after the first two.
  AuditRecoveryTest() {
    AppendEvents(dir_.path(), {Create(1, "m1"), Create(2, "m2")});
    two_ = dir_.Read(kFirst);
    AppendEvents(dir_.path(), {Create(3, "m3")});
    three_ = dir_.Read(kFirst);
  }

  TempDir dir_;
  std::string two_;
  std::string three_;
};

TEST_F(AuditRecoveryTest, NothingIsCutFromACompleteSeries) {
  const AuditSeriesEnd end = Recover(dir_, {.synced = 3});
  EXPECT_EQ(end.segment, 1u);
  EXPECT_EQ(end.size, three_.size());
  EXPECT_TRUE(end.ours);
  EXPECT_EQ(end.last_event_id, 3u);
  EXPECT_EQ(end.cut_bytes, 0u);
  EXPECT_EQ(dir_.Read(kFirst), three_);
  const AuditSeriesEnd none = Recover(TempDir(), {.synced = 3});
  EXPECT_EQ(none.segment, 0u);
  EXPECT_EQ(none.last_event_id, 0u);
}

TEST_F(AuditRecoveryTest, ATailTornAtAnyByteIsCutAndWrittenAgain) {
  const std::optional<AuditSeal> second =
      FindAuditSeal(absl::string_view(two_).substr(two_.find('\n') + 1, two_.size() / 2 - 1));
  ASSERT_TRUE(second.has_value());
  for (size_t size = 0; size <= three_.size(); ++size) {
    for (const uint64_t synced : {0, 2}) {
      if (synced == 2 && size < two_.size()) continue;
      dir_.Write(kFirst, three_.substr(0, size));
      const size_t kept = synced == 2 ? two_.size() : 0;
      AuditChain chain;
      ASSERT_OK_AND_ASSIGN(
          const AuditSeriesEnd end,
          RecoverAuditSeries(dir_.path(), kControlnet, {.synced = synced}, &chain));
      EXPECT_EQ(end.last_event_id, synced) << size;
      EXPECT_EQ(end.cut_bytes, size - kept) << size;
      EXPECT_EQ(dir_.Exists(kFirst), kept > 0) << size;
      EXPECT_EQ(chain.head(), kept > 0 ? second->chain : Sha256Digest{}) << size;
      EXPECT_EQ(kept > 0 ? dir_.Read(kFirst) : two_, two_) << size;
      if (size % 16 != 0) continue;
      ExpectContinues(dir_, synced);
      EXPECT_EQ(dir_.Read(kFirst), three_) << size;
    }
  }
}

TEST_F(AuditRecoveryTest, ATornTailThatEndsInZerosIsCut) {
  for (const std::string& tail : {std::string(700, '\0'), std::string(100, '\0') + "\n",
                                  three_.substr(two_.size(), 50) + std::string(90, '\0') + "\n"}) {
    dir_.Write(kFirst, two_ + tail);
    EXPECT_EQ(Recover(dir_, {.synced = 2}).cut_bytes, tail.size());
    EXPECT_EQ(dir_.Read(kFirst), two_);
  }
}

TEST_F(AuditRecoveryTest, CompleteLinesBehindTheOffsetAreCut) {
  const AuditSeriesEnd end = Recover(dir_, {.synced = 2});
  EXPECT_EQ(end.cut_lines, 1u);
  EXPECT_EQ(end.kept_aside, 0u);
  EXPECT_EQ(dir_.Read(kFirst), two_);
  EXPECT_FALSE(dir_.Exists("unknown"));
}

TEST_F(AuditRecoveryTest, LinesThatTheStoreDoesNotKnowAreKeptAside) {
  const AuditSeriesEnd end = Recover(
      dir_, {.synced = 1, .knows = [](const AuditSeal& seal) { return seal.event_id <= 2; }});
  EXPECT_EQ(end.cut_lines, 2u);
  EXPECT_EQ(end.kept_aside, 1u);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.PathOf("unknown"))) {
    names.push_back(entry.path().filename().string());
  }
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(names[0].substr(0, 16), "v2-controlnet-3-");
  EXPECT_NE(dir_.Read(absl::StrCat("unknown/", names[0])).find(three_.substr(two_.size())),
            std::string::npos);
  ExpectContinues(dir_, 1);
}

TEST_F(AuditRecoveryTest, ASegmentThatHasNothingLeftGoesAndTheOneBeforeIsContinued) {
  TempDir dir;
  AppendEvents(dir.path(), {Create(1, "m1"), Create(2, "m2"), Create(3, "m3")}, 400);
  ASSERT_TRUE(dir.Exists(kSecond));
  const std::string second = dir.Read(kSecond);
  for (const std::string& content : {second, second.substr(0, 20), std::string()}) {
    AppendEvents(dir.path(), {Create(3, "m3")}, 400);
    dir.Write(kSecond, content);
    const AuditSeriesEnd end = Recover(dir, {.synced = 2});
    EXPECT_EQ(end.segment, 1u);
    EXPECT_EQ(end.last_event_id, 2u);
    EXPECT_FALSE(dir.Exists(kSecond));
  }
  ExpectContinues(dir, 2);
}

TEST_F(AuditRecoveryTest, CutsReachIntoTheSegmentBefore) {
  TempDir dir;
  AppendEvents(dir.path(), {Create(1, "m1"), Create(2, "m2"), Create(3, "m3")}, 400);
  const AuditSeriesEnd end = Recover(dir, {.synced = 1});
  EXPECT_EQ(end.segment, 1u);
  EXPECT_EQ(end.cut_lines, 2u);
  EXPECT_FALSE(dir.Exists(kSecond));
  ExpectContinues(dir, 1);
}

TEST_F(AuditRecoveryTest, AdoptedLinesAreNeverCutWhateverTheyAre) {
  for (const std::string& adopted :
       {ForeignLine(1), ForeignLine(1) + "{\"event_id\":2,", ForeignLine(1) + "garbage\n",
        ForeignLine(1) + std::string(30, '\0'), ForeignLine(1) + std::string(30, '\0') + "\n",
        std::string("garbage\n")}) {
    TempDir dir;
    dir.Write(kFirst, adopted);
    AuditChain chain;
    ASSERT_OK_AND_ASSIGN(const AuditSeriesEnd end,
                         RecoverAuditSeries(dir.path(), kControlnet, {.synced = 0}, &chain));
    EXPECT_EQ(dir.Read(kFirst), adopted);
    EXPECT_FALSE(end.ours);
    EXPECT_EQ(end.last_event_id, 0u);
    EXPECT_EQ(chain.Seal("x"), Sha256(absl::StrCat(std::string(32, '\0'), adopted, "x")));
  }
}

TEST_F(AuditRecoveryTest, ALineTooLongForUsIsForeign) {
  const std::string adopted = std::string(kMaxAuditLineBytes + 10, 'x') + "\n";
  TempDir dir;
  dir.Write(kFirst, adopted);
  EXPECT_FALSE(Recover(dir, {.synced = 0}).ours);
  EXPECT_EQ(dir.Read(kFirst).size(), adopted.size());
}

TEST_F(AuditRecoveryTest, OursBehindTheOffsetStayWhenForeignLinesFollowAndAreNotRepeated) {
  const std::string mixed = three_ + ForeignLine(4);
  dir_.Write(kFirst, mixed);
  const AuditSeriesEnd end = Recover(dir_, {.synced = 1});
  EXPECT_EQ(dir_.Read(kFirst), mixed);
  EXPECT_EQ(end.last_event_id, 3u);
  EXPECT_FALSE(end.ours);
  // The same with the foreign lines in a segment of their own.
  dir_.Write(kFirst, three_);
  dir_.Write(kSecond, ForeignLine(4));
  EXPECT_EQ(Recover(dir_, {.synced = 1}).last_event_id, 3u);
  EXPECT_EQ(dir_.Read(kFirst), three_);
  AppendEvents(dir_.path(), {Create(3, "m3"), Create(5, "m5")});
  ASSERT_OK_AND_ASSIGN(const AuditVerification verified, VerifyAudit(dir_.path()));
  ASSERT_EQ(verified.problem_count, 1u);
  EXPECT_EQ(verified.problems[0].kind, LogProblemKind::kForeignLine);
  EXPECT_EQ(verified.series[0].events, 4u);
}

TEST_F(AuditRecoveryTest, ACutThatFailsIsDoneTheNextTime) {
  {
    ScopedFailpoint fails("audit.before_cut", absl::StatusCode::kUnavailable);
    AuditChain chain;
    EXPECT_THAT(RecoverAuditSeries(dir_.path(), kControlnet, {.synced = 2}, &chain),
                StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_EQ(dir_.Read(kFirst), three_);
  ExpectContinues(dir_, 2);
}

}  // namespace
}  // namespace modelref

#include "audit/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/audit/audit_events.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::AppendEvents;
using ::modelref::testing::AsForeign;
using ::modelref::testing::Create;
using ::modelref::testing::Delete;
using ::modelref::testing::kControlnet;
using ::modelref::testing::TempDir;
using ::modelref::testing::Update;
using ::testing::ElementsAre;

ReplayedDocument Replay(const std::vector<AuditEvent>& events) {
  DocumentReplay replay;
  for (const AuditEvent& event : events) replay.Apply(event);
  return std::move(replay).Finish();
}

TEST(AuditReplayTest, RecordsStandInTheOrderOfTheirCreation) {
  const ReplayedDocument document =
      Replay({Create(1, "a", "{}"), Create(2, "b", "{}"), Create(3, "c", "{}"), Delete(4, "a"),
              Update(5, "b", "{}", R"({"x":1})"), Create(6, "a", R"({"y":2})")});
  EXPECT_THAT(document.records,
              ElementsAre(ReplayedRecord{"b", R"({"x":1})"}, ReplayedRecord{"c", "{}"},
                          ReplayedRecord{"a", R"({"y":2})"}));
  EXPECT_EQ(document.last_event_id, 6u);
  EXPECT_EQ(document.applied_events, 6u);
  EXPECT_EQ(document.missing_snapshots, 0u);
}

TEST(AuditReplayTest, ACreateOfARecordThatExistsReplacesItInItsPlace) {
  EXPECT_THAT(Replay({Create(1, "a"), Create(2, "b"), Create(3, "a", R"({"x":1})")}).records,
              ElementsAre(ReplayedRecord{"a", R"({"x":1})"}, ReplayedRecord{"b", "{}"}));
}

TEST(AuditReplayTest, ACreateWithoutTheRecordTakesWhatThereIs) {
  AuditEvent before = Create(1, "a");
  before.after.reset();
  AuditEvent nothing = before;
  nothing.model_name = "b";
  before.before = R"({"x":1})";
  EXPECT_THAT(Replay({before, nothing}).records,
              ElementsAre(ReplayedRecord{"a", R"({"x":1})"}, ReplayedRecord{"b", "{}"}));
}

TEST(AuditReplayTest, AnUpdateWithTheRecordNeedsNoneBefore) {
  AuditEvent event = Update(1, "a", "{}", R"({"x":1})");
  event.after = R"({"y":2})";
  EXPECT_THAT(Replay({event}).records, ElementsAre(ReplayedRecord{"a", R"({"y":2})"}));
}

TEST(AuditReplayTest, AnUpdateOfAnUnknownRecordIsCounted) {
  AuditEvent empty = Update(2, "b", "{}", "{}");
  empty.delta.reset();
  const ReplayedDocument document =
      Replay({Update(1, "a", "{}", R"({"x":1})"), Create(2, "b"), empty, Delete(3, "none")});
  EXPECT_EQ(document.missing_snapshots, 2u);
  EXPECT_EQ(document.applied_events, 4u);
  EXPECT_THAT(document.records, ElementsAre(ReplayedRecord{"b", "{}"}));
}

TEST(AuditReplayTest, AFieldThatTheOriginalRemovedIsNullAndOneOfOursIsGone) {
  const std::string before = R"({"x":1,"y":2})";
  const AuditEvent removes = Update(2, "a", before, R"({"y":2})");
  EXPECT_THAT(Replay({Create(1, "a", before), removes}).records,
              ElementsAre(ReplayedRecord{"a", R"({"y":2})"}));
  AuditEvent foreign = AsForeign(removes);
  (*foreign.delta)[0].new_value.reset();
  EXPECT_THAT(Replay({Create(1, "a", before), foreign}).records,
              ElementsAre(ReplayedRecord{"a", R"({"x":null,"y":2})"}));
}

TEST(AuditReplayTest, AWholeTrailIsReplayedPerDocumentUpToAnEvent) {
  TempDir dir;
  AuditEvent legacy = Create(2, "l");
  legacy.format = Format::kLegacy;
  AppendEvents(dir.path(), {Create(1, "a"), legacy, Update(3, "a", "{}", R"({"x":1})")});
  ASSERT_OK_AND_ASSIGN(const AuditReplay whole, ReplayAudit(dir.path(), {}));
  ASSERT_EQ(whole.documents.size(), 2u);
  EXPECT_THAT(whole.documents.at(kControlnet).records,
              ElementsAre(ReplayedRecord{"a", R"({"x":1})"}));
  EXPECT_THAT(whole.documents.at(legacy.key()).records, ElementsAre(ReplayedRecord{"l", "{}"}));
  EXPECT_EQ(whole.stats.lines, 3u);
  ASSERT_OK_AND_ASSIGN(const AuditReplay past, ReplayAudit(dir.path(), {.max_event_id = 1}));
  EXPECT_THAT(past.documents.at(kControlnet).records, ElementsAre(ReplayedRecord{"a", "{}"}));
  EXPECT_EQ(past.documents.count(legacy.key()), 0u);
}

}  // namespace
}  // namespace modelref

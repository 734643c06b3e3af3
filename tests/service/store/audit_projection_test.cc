#include "service/store/audit_projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "audit/replay.h"
#include "audit/verify.h"
#include "backends/base/failpoint.h"
#include "tests/service/store/edits.h"
#include "tests/testing/environment.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::NumberFromEnvironment;
using ::modelref::testing::Put;
using ::modelref::testing::PutMany;
using ::modelref::testing::RecordJson;
using ::modelref::testing::Remove;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr char kClipSegment[] = "audit/v2/clip/audit-000001.jsonl";
constexpr size_t kNoLimit = 1'000'000;

class AuditProjectionTest : public ::testing::Test {
 protected:
  AuditProjectionTest() {
    Store::Options options;
    options.directory = dir_.PathOf(".modelref");
    auto store = Store::Open({kClip, kImages, kLegacyClip, {"text_generation", Format::kLegacy}},
                             clock_, options);
    EXPECT_THAT(store, IsOk());
    store_ = *std::move(store);
    reader_ = OpenDatabase(/*read_only=*/true);
    Restart();
  }

  std::unique_ptr<Database> OpenDatabase(bool read_only) {
    Database::Options options;
    options.read_only = read_only;
    auto database = Database::Open(dir_.PathOf(".modelref/store.db"), options);
    EXPECT_THAT(database, IsOk());
    return *std::move(database);
  }

  // A projection that knows nothing, as after a crash.
  void Restart() {
    projection_ = std::make_unique<AuditProjection>(
        Root(), SegmentWriter::Options{.max_segment_bytes = 2000, .buffer_bytes = 1000});
  }

  std::string Root() const { return dir_.PathOf("audit"); }

  absl::StatusOr<uint64_t> Advance(uint64_t from, size_t max_events = kNoLimit) {
    return projection_->Advance(*reader_, from, max_events);
  }

  std::vector<AuditEvent> Events() {
    std::vector<AuditEvent> events;
    EXPECT_THAT(ReadAudit(Root(), {},
                          [&](const AuditEvent& event) {
                            events.push_back(event);
                            return true;
                          }),
                IsOk());
    return events;
  }

  // Every file of the trail.
  std::map<std::string, std::string> Files() {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(Root())) {
      if (!entry.is_regular_file()) continue;
      const std::string name = fs::relative(entry.path(), dir_.path()).string();
      files[name] = dir_.Read(name);
    }
    return files;
  }

  void ExpectReplayEqualsStore() {
    ASSERT_OK_AND_ASSIGN(const AuditReplay replay, ReplayAudit(Root(), {}));
    for (const auto& [key, state] : store_->root()->documents) {
      std::vector<ReplayedRecord> expected;
      state->document->ForEach([&](const Entry& entry) {
        expected.push_back({entry.record->name, entry.record->json});
      });
      const auto found = replay.documents.find(key);
      const auto actual =
          found == replay.documents.end() ? std::vector<ReplayedRecord>() : found->second.records;
      EXPECT_EQ(actual, expected) << key.ToString();
    }
    ASSERT_OK_AND_ASSIGN(const AuditVerification verified, VerifyAudit(Root()));
    EXPECT_TRUE(verified.intact()) << verified.problems[0].detail;
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Database> reader_;
  std::unique_ptr<AuditProjection> projection_;
};

TEST_F(AuditProjectionTest, EventsBecomeLinesWithTheirTransaction) {
  clock_.Advance(absl::FromUnixMicros(1'795'211'759'123'456) - clock_.TimeNow());
  TransactionRequest request;
  request.caller = "42";
  request.request_id = "job-9";
  request.body = [](TransactionContext& context) {
    return context.Edit(Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  };
  ASSERT_THAT(store_->Commit(std::move(request)), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("a", "2"), Remove("b")}));
  ASSERT_THAT(Advance(0), IsOkAndHolds(store_->root()->revision));
  const std::vector<AuditEvent> events = Events();
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[0].event_id + 1, events[1].event_id);
  EXPECT_EQ(events[0].txn, events[1].event_id);
  EXPECT_EQ(events[0].time_us, 1'795'211'759'123'456);
  EXPECT_EQ(events[0].timestamp, 1'795'211'759);
  EXPECT_EQ(events[0].logical_user_id, "42");
  EXPECT_EQ(events[0].request_id, "job-9");
  EXPECT_EQ(events[0].operation, AuditOperation::kCreate);
  EXPECT_EQ(events[0].after, RecordJson("1"));
  EXPECT_EQ(events[0].before, std::nullopt);
  EXPECT_EQ(events[2].operation, AuditOperation::kUpdate);
  EXPECT_EQ(events[2].request_id, std::nullopt);
  const std::vector<AuditFieldChange> delta = {{"v", "\"1\"", "\"2\""}};
  EXPECT_EQ(events[2].delta, delta);
  EXPECT_EQ(events[3].operation, AuditOperation::kDelete);
  EXPECT_EQ(events[3].before, RecordJson("1"));
  EXPECT_THAT(ReadAuditIndex(Root()), IsOkAndHolds(store_->root()->revision));
  ExpectReplayEqualsStore();
}

TEST_F(AuditProjectionTest, AdvanceTakesWholeTransactionsAndSaysHowFarItIs) {
  const uint64_t first = CommitTo(*store_, Edit(kClip, PutMany(5, "1")));
  const uint64_t second = CommitTo(*store_, Edit(kImages, PutMany(3, "1")));
  EXPECT_THAT(Advance(0, 2), IsOkAndHolds(first));
  EXPECT_THAT(Events(), SizeIs(5));
  EXPECT_THAT(Advance(first, 5), IsOkAndHolds(second));
  EXPECT_THAT(Advance(second), IsOkAndHolds(second));
  EXPECT_THAT(Events(), SizeIs(8));
  ExpectReplayEqualsStore();
}

TEST_F(AuditProjectionTest, HeadsAreTheEndsOfTheSeries) {
  EXPECT_THAT(projection_->Heads(), SizeIs(0));
  const uint64_t revision =
      CommitTo(*store_, Edit(kClip, PutMany(2, "1")), Edit(kLegacyClip, PutMany(1, "1")));
  ASSERT_THAT(Advance(0), IsOk());
  const std::vector<AuditChainHead> heads = projection_->Heads();
  ASSERT_THAT(heads, SizeIs(2));
  EXPECT_EQ(heads[0].key, kLegacyClip);
  EXPECT_EQ(std::max(heads[0].last_event_id, heads[1].last_event_id), revision);
  ASSERT_OK_AND_ASSIGN(const AuditVerification verified, VerifyAudit(Root()));
  EXPECT_EQ(verified.series[0].head, heads[0]);
  EXPECT_EQ(verified.series[1].head, heads[1]);
}

TEST_F(AuditProjectionTest, TextModelsHaveLinesOfTheirBaseRecordOnly) {
  const DocumentKey text = {"text_generation", Format::kLegacy};
  const uint64_t revision = CommitTo(
      *store_, Edit(text, {Put("a/b", "1"), Put("koboldcpp/b", "1"), Put("aphrodite/a/b", "1")}));
  ASSERT_GT(revision, 2u);
  EXPECT_THAT(Advance(0), IsOkAndHolds(revision));
  const std::vector<AuditEvent> events = Events();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].model_name, "a/b");
  EXPECT_EQ(events[0].txn, revision);
  const auto files = Files();
  Restart();
  ASSERT_THAT(projection_->Recover(*reader_, revision), IsOk());
  EXPECT_EQ(Files(), files);
}

TEST_F(AuditProjectionTest, AnOffsetThatWasNotSavedLeadsToTheSameFiles) {
  const uint64_t first = CommitTo(*store_, Edit(kClip, PutMany(9, "1")));
  CommitTo(*store_, Edit(kClip, PutMany(9, "2")), Edit(kImages, PutMany(4, "1")));
  ASSERT_THAT(Advance(0), IsOk());
  const auto files = Files();
  for (const uint64_t offset : {uint64_t{0}, first, store_->root()->revision}) {
    Restart();
    ASSERT_THAT(projection_->Recover(*reader_, offset), IsOk());
    ASSERT_THAT(Advance(offset), IsOkAndHolds(store_->root()->revision));
    EXPECT_EQ(Files(), files) << offset;
  }
}

TEST_F(AuditProjectionTest, WhateverStepFailsTheNextAdvanceRepairsIt) {
  const uint64_t first = CommitTo(*store_, Edit(kClip, PutMany(9, "1")));
  ASSERT_THAT(Advance(0), IsOk());
  CommitTo(*store_, Edit(kClip, PutMany(9, "2")), Edit(kImages, PutMany(9, "1")));
  const auto before = Files();
  ASSERT_THAT(Advance(first), IsOk());
  const auto after = Files();
  for (const char* point : {"audit.before_index", "audit.before_segment", "audit.before_append",
                            "audit.after_append", "audit.before_sync", "audit.after_sync"}) {
    Restart();
    ASSERT_THAT(projection_->Recover(*reader_, first), IsOk());
    {
      ScopedFailpoint fails(point, absl::StatusCode::kUnavailable);
      // The index is not lowered, so there may be nothing to raise.
      const bool failed = !Advance(first).ok();
      EXPECT_EQ(failed, fails.hits() > 0) << point;
    }
    ASSERT_THAT(Advance(first), IsOkAndHolds(store_->root()->revision)) << point;
    EXPECT_EQ(Files(), after) << point;
  }
  EXPECT_GT(after.size(), before.size());
}

TEST_F(AuditProjectionTest, RemovedFilesAreWrittenAgain) {
  CommitTo(*store_, Edit(kClip, PutMany(9, "1")));
  CommitTo(*store_, Edit(kClip, PutMany(9, "2")), Edit(kImages, PutMany(4, "1")));
  const uint64_t head = store_->root()->revision;
  ASSERT_THAT(Advance(0), IsOk());
  const auto files = Files();
  for (const char* lost : {"audit", "audit/v2/image_generation", "audit/v2/clip/audit-000002.jsonl",
                           "audit/index.json"}) {
    fs::remove_all(dir_.PathOf(lost));
    if (std::string(lost) == "audit/v2/clip/audit-000002.jsonl") {
      for (int i = 3; i < 9; ++i) {
        fs::remove(dir_.PathOf(absl::StrCat("audit/v2/clip/", AuditSegmentName(i))));
      }
    }
    Restart();
    ASSERT_THAT(projection_->Recover(*reader_, head), IsOk());
    EXPECT_EQ(Files(), files) << lost;
  }
}

TEST_F(AuditProjectionTest, LinesThatARestoredBackupDoesNotKnowAreKeptAside) {
  const uint64_t first = CommitTo(*store_, Edit(kClip, PutMany(2, "1")));
  ASSERT_THAT(Advance(0), IsOk());
  const std::string kept = dir_.Read(kClipSegment);
  CommitTo(*store_, Edit(kClip, {Put("lost", "1")}));
  ASSERT_THAT(Advance(first), IsOk());
  const std::string lost = dir_.Read(kClipSegment).substr(kept.size());
  auto writer = OpenDatabase(/*read_only=*/false);
  ASSERT_THAT(writer->Execute(absl::StrCat("DELETE FROM events WHERE id > ", first)), IsOk());
  CommitTo(*store_, Edit(kClip, {Put("later", "1")}));
  Restart();
  ASSERT_THAT(projection_->Recover(*reader_, first), IsOk());
  EXPECT_EQ(dir_.Read(kClipSegment), kept);
  std::vector<std::string> aside;
  for (const auto& [name, content] : Files()) {
    if (name.find("/unknown/") != std::string::npos) aside.push_back(content);
  }
  EXPECT_THAT(aside, ElementsAre(lost));
}

TEST_F(AuditProjectionTest, LinesOfAnotherProgramInBetweenAreKeptAndPassed) {
  const uint64_t first = CommitTo(*store_, Edit(kClip, PutMany(2, "1")));
  ASSERT_THAT(Advance(0), IsOk());
  const std::string ours = dir_.Read(kClipSegment);
  std::ofstream(dir_.PathOf(kClipSegment), std::ios::app) << "foreign\n";
  const uint64_t second = CommitTo(*store_, Edit(kClip, PutMany(2, "2")));
  EXPECT_THAT(Advance(first), IsOkAndHolds(second)) << "at once, without an error";
  EXPECT_EQ(dir_.Read(kClipSegment), ours + "foreign\n");
  ASSERT_OK_AND_ASSIGN(const AuditVerification verified, VerifyAudit(Root()));
  EXPECT_EQ(verified.problem_count, 1u);
  EXPECT_EQ(verified.series[0].events, 4u);
}

TEST_F(AuditProjectionTest, AnEventThatMakesNoLineIsDamageAndNothingBeyondItIsWritten) {
  const uint64_t first = CommitTo(*store_, Edit(kClip, PutMany(2, "1")));
  CommitTo(*store_, Edit(kClip, PutMany(2, "2")));
  auto writer = OpenDatabase(/*read_only=*/false);
  ASSERT_THAT(writer->Execute(absl::StrCat("UPDATE events SET after = '{' WHERE id > ", first)),
              IsOk());
  EXPECT_THAT(Advance(0, 1), IsOkAndHolds(first));
  EXPECT_THAT(Advance(first), HasReason("STORE_DAMAGED"));
  ASSERT_THAT(writer->Execute("DELETE FROM transactions"), IsOk());
  Restart();
  EXPECT_THAT(Advance(0), HasReason("STORE_DAMAGED"));
}

TEST_F(AuditProjectionTest, AFolderThatCannotBeWrittenFailsUntilItCan) {
  const uint64_t first = CommitTo(*store_, Edit(kClip, PutMany(2, "1")));
  dir_.Write("audit", "a file where the folder should be");
  EXPECT_FALSE(Advance(0).ok());
  fs::remove(dir_.PathOf("audit"));
  EXPECT_THAT(Advance(0), IsOkAndHolds(first));
  ExpectReplayEqualsStore();
}

uint64_t Seed() { return NumberFromEnvironment("MODELREF_TEST_SEED", 20240229); }

TEST_F(AuditProjectionTest, RandomHistoriesWithCrashesReplayToTheStore) {
  SCOPED_TRACE(absl::StrCat("MODELREF_TEST_SEED=", Seed()));
  std::mt19937_64 random(Seed());
  uint64_t saved = 0;
  for (int step = 0; step < 120; ++step) {
    std::vector<RecordChange> changes;
    for (uint64_t i = random() % 4; i <= 4; ++i) {
      const std::string name = absl::StrCat("m", random() % 7);
      changes.push_back(random() % 3 == 0 ? Remove(name) : Put(name, absl::StrCat(random() % 3)));
    }
    CommitTo(*store_, Edit(random() % 2 == 0 ? kClip : kLegacyClip, std::move(changes)));
    if (random() % 3 != 0) continue;
    ASSERT_OK_AND_ASSIGN(const uint64_t reached, Advance(saved, 1 + random() % 20));
    const uint64_t fate = random() % 4;
    if (fate == 0) Restart();  // Before the offset was saved.
    if (fate > 0) saved = reached;
    if (fate == 1) Restart();
  }
  while (saved < store_->root()->revision) {
    ASSERT_OK_AND_ASSIGN(saved, Advance(saved, 50));
  }
  ExpectReplayEqualsStore();
}

}  // namespace
}  // namespace modelref

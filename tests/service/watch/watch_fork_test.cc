// Streams and positions when the store begins another epoch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "service/store/database.h"
#include "service/store/store_identity.h"
#include "tests/service/watch/validators.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckAll;
using ::modelref::testing::CheckEnds;
using ::modelref::testing::CheckResume;
using ::modelref::testing::CommitLog;
using ::modelref::testing::Edit;
using ::modelref::testing::Event;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::PlanFor;
using ::modelref::testing::Put;
using ::modelref::testing::ReadCommitLog;
using ::modelref::testing::Remove;
using ::modelref::testing::ResumePlan;
using ::modelref::testing::SessionReader;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;
using ::modelref::testing::WatchWorld;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WatchForkTest : public ::testing::Test {
 protected:
  static Store::Options In(const std::string& directory) {
    Store::Options options;
    options.directory = directory;
    return options;
  }
  absl::Time Now() { return clock_.TimeNow(); }
  WatchPlan Plan() { return PlanFor(WatchPlan::Start::kNow, {kClip, kImages}); }
  SessionReader Open(const WatchPlan& plan) { return SessionReader(world_.hub(), plan, Now()); }
  void Commit(const std::string& name) {
    world_.Commit(Edit(kClip, {Put(name, absl::StrCat(++value_))}));
  }
  // What an operator does in another process; returns when the store has seen it.
  void ForkEpochElsewhere() {
    const Epoch before = world_.store().root()->epoch;
    Event forked;
    const ChangeSignal::Subscription subscription(world_.hub().changes(), [&] {
      if (world_.store().root()->epoch != before) forked.Set();
    });
    ASSERT_OK_AND_ASSIGN(const auto database,
                         Database::Open(directory_.PathOf("store/store.db"), {}));
    ASSERT_OK_AND_ASSIGN(WriteTransaction transaction, WriteTransaction::Begin(*database));
    ASSERT_THAT(ForkEpoch(*database, 0), IsOk());
    ASSERT_THAT(transaction.Commit(), IsOk());
    ASSERT_TRUE(forked.Wait());
  }

  TempDir directory_;
  FakeClock clock_;
  WatchWorld world_{{kClip, kImages}, clock_, In(directory_.PathOf("store"))};
  int value_ = 0;
};

TEST_F(WatchForkTest, AnEpochThatBeginsWhileAStreamIsOpenIsASnapshotInTheStream) {
  SessionReader reader = Open(Plan());
  Commit("a");
  reader.ReadAll(Now());
  world_.store().SetFreshness(kImages, FreshnessCause::kMarked, "");
  reader.ReadAll(Now());
  ForkEpochElsewhere();
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(4));
  EXPECT_EQ(messages[0].snapshot_begin().reason(), v1::SNAPSHOT_REASON_EPOCH_CHANGED);
  EXPECT_THAT(messages[1].events().events(), SizeIs(2)) << "all of it, whatever was known once";
  EXPECT_TRUE(messages[2].has_snapshot_end());
  EXPECT_FALSE(messages[2].resume_token().empty());
  EXPECT_TRUE(messages[3].freshness().stale()) << "said again after a snapshot";
  Commit("b");
  EXPECT_THAT(reader.ReadAll(Now()), SizeIs(1));
  EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
}

TEST_F(WatchForkTest, AStreamThatMustNotResyncEndsWhenAnEpochBegins) {
  WatchPlan plan = Plan();
  plan.fail_on_gap = true;
  SessionReader reader = Open(plan);
  reader.ReadAll(Now());
  ForkEpochElsewhere();
  EXPECT_THAT(reader.ReadAll(Now()), IsEmpty());
  EXPECT_THAT(reader.end(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(reader.end(), HasReason("STATE_REPLACED"));
  EXPECT_THAT(CheckEnds({&reader.trace()}), IsEmpty());
}

TEST_F(WatchForkTest, ADrainAfterAForkStillStandsWhereTheClientIs) {
  SessionReader reader = Open(Plan());
  Commit("a");
  reader.ReadAll(Now());
  const std::string epoch = reader.trace().messages.back().header().epoch();
  ForkEpochElsewhere();
  const auto message = reader.Read(Now(), v1::DRAIN_REASON_SHUTDOWN);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->header().epoch(), epoch);
  EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
}

TEST_F(WatchForkTest, ATokenFromBeforeTheForkContinuesExactly) {
  SessionReader before = Open(Plan());
  Commit("a");
  before.ReadAll(Now());
  Commit("b");
  ForkEpochElsewhere();
  Commit("c");
  SessionReader after = Open(ResumePlan(Plan(), before.trace().messages.back().resume_token()));
  EXPECT_THAT(after.ReadAll(Now()), SizeIs(3));
  EXPECT_THAT(CheckResume(before.trace(), before.trace().messages.size() - 1, after.trace(),
                          v1::RESUME_KIND_EXACT, world_.log),
              IsEmpty());
  EXPECT_THAT(CheckAll(after.trace(), world_.log), IsEmpty());
}

// Regression scenario k8s107457: a backup is restored while clients are beyond it.
class WatchRestoreTest : public WatchForkTest {
 protected:
  // Commits a, keeps a copy, commits b, and comes back from the copy, where c is committed.
  void Restore() {
    Commit("a");
    base_ = PositionOf(*world_.store().root());
    world_.Reopen();  // Closes, so that the copy is whole.
    Copy("store", "backup");
    Commit("b");
    lost_ = PositionOf(*world_.store().root());
    std::filesystem::remove_all(directory_.PathOf("later"));
    std::filesystem::rename(directory_.PathOf("store"), directory_.PathOf("later"));
    Copy("backup", "store");
    world_.Reopen();
    restored_.emplace(*ReadCommitLog(world_.store()));
    world_.log = *restored_;
    Commit("c");
  }
  void Copy(const std::string& from, const std::string& to) {
    std::filesystem::copy(directory_.PathOf(from), directory_.PathOf(to),
                          std::filesystem::copy_options::recursive);
  }

  Position base_;
  Position lost_;
  std::optional<CommitLog> restored_;
};

TEST_F(WatchRestoreTest, AClientBeyondTheForkIsResynced) {
  Restore();
  ASSERT_NE(world_.store().root()->epoch, lost_.epoch);
  EXPECT_EQ(world_.store().root()->revision, lost_.revision) << "the number came again";
  SessionReader reader = Open(ResumePlan(Plan(), lost_));
  const auto messages = reader.ReadAll(Now());
  ASSERT_GE(messages.size(), 3u);
  EXPECT_EQ(messages[0].created().resume(), v1::RESUME_KIND_RESYNC);
  EXPECT_EQ(messages[1].snapshot_begin().reason(), v1::SNAPSHOT_REASON_EPOCH_CHANGED);
  EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
  WatchPlan plan = ResumePlan(Plan(), lost_);
  plan.fail_on_gap = true;
  SessionReader refused = Open(plan);
  refused.ReadAll(Now());
  EXPECT_THAT(refused.end(), HasReason("EPOCH_MISMATCH"));
  EXPECT_EQ(ExtrasOf(refused.end()).metadata.at("fork"), absl::StrCat(base_.revision));
}

TEST_F(WatchRestoreTest, AClientBeforeTheForkContinuesExactly) {
  Restore();
  SessionReader reader = Open(ResumePlan(Plan(), base_));
  const auto messages = reader.ReadAll(Now());
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].created().resume(), v1::RESUME_KIND_EXACT);
  EXPECT_THAT(messages[1].events().events(0).changed_models(), ::testing::ElementsAre("c"));
  EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
}

}  // namespace
}  // namespace modelref

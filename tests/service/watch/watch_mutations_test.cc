// The validators are only worth something if they find faults: each fault of streaming.md 4.4 that
// one node can have is put back in, and must be found.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/service/watch/faulty_hub.h"
#include "tests/service/watch/random_history.h"
#include "tests/service/watch/validators.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/fake_clock.h"

namespace modelref::testing {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Somebody's violation begins with this number: it is this validator that finds the fault.
::testing::Matcher<Violations> FoundBy(const std::string& validator) {
  return Contains(StartsWith(validator));
}

Violations RandomRunWith(Fault fault) {
  RandomHistory::Options options;
  options.seed = 20260821;
  options.operations = 2'000;
  options.enough = 100'000;
  options.make_hub = [fault](Store& store, PositionWaiter& positions, std::function<void()> burst) {
    return std::make_unique<FaultyHub>(store, positions, fault, std::move(burst));
  };
  RandomHistory history(options);
  return history.Run();
}

TEST(WatchMutationsTest, AHubWithoutAFaultIsAccepted) {
  EXPECT_THAT(RandomRunWith(Fault::kNone), IsEmpty());
}

TEST(WatchMutationsTest, Etcd15220ABookmarkThatOvertakesEventsIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kBookmarkOvertakesEvents), FoundBy("V5 "));
}

TEST(WatchMutationsTest, K8s91073ABookmarkThatStandsStillIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kBookmarkStandsStill), FoundBy("V15 "));
}

TEST(WatchMutationsTest, Etcd17529HistoryThatIsNotCompleteIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kLeftOverHistoryIsAll), FoundBy("V4 "));
}

TEST(WatchMutationsTest, Etcd18089AndVanadiumAStepSkippedAtTheFloorIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kFloorIsSkipped), FoundBy("V4 "));
}

TEST(WatchMutationsTest, StatsigALaggingReaderThatIsNotToldWhatItMissedIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kLaggingReaderJumps), FoundBy("V4 "));
}

TEST(WatchMutationsTest, K8s86483AResyncWithoutNeedIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kNeedlessResync), FoundBy("V6 "));
}

TEST(WatchMutationsTest, Consul9772FramingThatIsSharedIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kFramingIsShared), FoundBy("V2 "));
  EXPECT_THAT(RandomRunWith(Fault::kFiltersAreShared), FoundBy("V1 "));
}

TEST(WatchMutationsTest, Unleash1603ASnapshotThatLacksADocumentIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kSnapshotLacksADocument), FoundBy("V8 "));
}

TEST(WatchMutationsTest, Unleash9203ADeltaThatLacksARecordIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kDeltaLacksARecord), FoundBy("V9 "));
}

TEST(WatchMutationsTest, Jetcd946ATokenThatIsAheadOfItsMessageIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kTokenIsAhead), FoundBy("V6 "));
}

TEST(WatchMutationsTest, PythonEtcd729ATransactionToldInPiecesIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kTransactionIsTorn), FoundBy("V4 "));
}

TEST(WatchMutationsTest, ABrokenChainIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kChainIsBroken), FoundBy("V7 "));
}

TEST(WatchMutationsTest, APromiseThatHistoryCannotKeepIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kExactIsClaimed), FoundBy("V6 "));
}

TEST(WatchMutationsTest, ACutOfAnotherEpochIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kEpochIsOfAnother), FoundBy("V10 "));
}

TEST(WatchMutationsTest, NatsAnEventThatIsToldTwiceIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kEventIsRepeated), FoundBy("V3 "));
}

TEST(WatchMutationsTest, FreshnessThatNobodyHearsOfIsFound) {
  EXPECT_THAT(RandomRunWith(Fault::kFreshnessIsForgotten), FoundBy("freshness "));
}

// --- Faults that need a situation of their own ---------------------------------------------------

class WatchFaultTest : public ::testing::Test {
 protected:
  static WatchWorld::MakeHub With(Fault fault) {
    return [fault](Store& store, PositionWaiter& positions) {
      return std::make_unique<FaultyHub>(store, positions, fault, [] {});
    };
  }
  static void Commit(WatchWorld* world, int count) {
    for (int i = 0; i < count; ++i) {
      world->Commit(Edit(kClip, {Put("a", absl::StrCat(world->log.head()))}));
    }
  }
  absl::Time Now() { return clock_.TimeNow(); }

  const WatchPlan plan_ = PlanFor(WatchPlan::Start::kNow, {kClip});
  FakeClock clock_;
};

// A client of a server that lost its newest revisions: restored, without anybody noticing.
class WatchFutureFaultTest : public WatchFaultTest {
 protected:
  Violations Run(Fault fault) {
    WatchWorld world({kClip}, clock_, {}, With(fault));
    Commit(&world, 3);
    Position future = modelref::PositionOf(*world.store().root());
    future.revision += 2;
    future.chain = std::nullopt;
    SessionReader reader(world.hub(), ResumePlan(plan_, future), Now());
    reader.ReadAll(Now());
    Commit(&world, 1);
    reader.ReadAll(Now());
    clock_.Advance(absl::Seconds(30));
    reader.ReadAll(Now());
    return CheckAll(reader.trace(), world.log);
  }
};

TEST_F(WatchFutureFaultTest, Etcd20221AStreamParkedInTheFutureIsFound) {
  EXPECT_THAT(Run(Fault::kNone), IsEmpty());
  EXPECT_THAT(Run(Fault::kFutureIsParked), Not(IsEmpty()));
  EXPECT_THAT(Run(Fault::kFutureIsSilent), FoundBy("V11 "));
}

// A client that comes to a server with another history of the same numbers.
class WatchForkFaultTest : public WatchFaultTest {
 protected:
  Violations Run(Fault fault) {
    WatchWorld lost({kClip}, clock_, {});
    WatchWorld now({kClip}, clock_, {}, With(fault));
    SessionReader before(lost.hub(), plan_, Now());
    before.ReadAll(Now());
    Commit(&lost, 3);
    before.ReadAll(Now());
    now.Commit(Edit(kClip, {Put("b", "1"), Put("c", "1")}));
    SessionReader after(now.hub(), ResumePlan(plan_, before.trace().messages.back().resume_token()),
                        Now());
    after.ReadAll(Now());
    Commit(&now, 3);
    after.ReadAll(Now());
    const WatchTrace& trace = after.trace();
    return trace.messages.front().created().resume() == v1::RESUME_KIND_RESYNC
               ? CheckAll(trace, now.log)
               : CheckResume(before.trace(), before.trace().messages.size() - 1, trace,
                             v1::RESUME_KIND_EXACT, now.log);
  }
};

TEST_F(WatchForkFaultTest, K8s107457AClientOfALostHistoryIsFound) {
  EXPECT_THAT(Run(Fault::kNone), IsEmpty());
  EXPECT_THAT(Run(Fault::kForkIsIgnored), Not(IsEmpty()));
}

class WatchLargeCutFaultTest : public WatchFaultTest {
 protected:
  Violations Run(Fault fault) {
    std::vector<DocumentKey> keys;
    for (int i = 0; i < 8; ++i) keys.push_back({absl::StrCat("category", i), Format::kV2});
    WatchWorld world(keys, clock_, {}, With(fault));
    SessionReader reader(world.hub(), PlanFor(WatchPlan::Start::kNow, {keys.begin(), keys.end()}),
                         Now());
    reader.ReadAll(Now());
    std::vector<DocumentEdit> edits;
    for (const DocumentKey& key : keys) {
      std::vector<RecordChange> changes;
      for (int i = 0; i < 256; ++i) {
        changes.push_back(Put(absl::StrCat(std::string(450, 'n'), i), "1"));
      }
      edits.push_back(Edit(key, std::move(changes)));
    }
    world.CommitAll(std::move(edits));
    reader.ReadAll(Now());
    Violations found = CheckAll(reader.trace(), world.log);
    for (std::string& one : CheckMessageSizes(reader.trace(), 512 << 10)) found.push_back(one);
    return found;
  }
};

TEST_F(WatchLargeCutFaultTest, Etcd19441AMessageThatIsTooLargeIsFound) {
  EXPECT_THAT(Run(Fault::kNone), IsEmpty());
  EXPECT_THAT(Run(Fault::kCutIsOneMessage), Not(IsEmpty()));
}

// ALB: an idle stream that is not told anything for 60 s is cut by what lies between.
TEST_F(WatchFaultTest, AStreamThatIsToldLessOftenThanPromisedIsFound) {
  for (const bool late : {false, true}) {
    WatchWorld world({kClip}, clock_, {});
    WatchPlan plan = plan_;
    const absl::Duration promised = plan.progress_interval;
    if (late) plan.progress_interval *= 2;
    SessionReader reader(world.hub(), plan, Now());
    for (int i = 0; i < 10; ++i) {
      reader.ReadAll(Now());
      clock_.Advance(reader.idle_until() - Now());
    }
    WatchTrace trace = reader.trace();
    trace.interval = promised;
    EXPECT_EQ(CheckAlive(trace).empty(), !late);
  }
}

// Redis and Meta: a read after an event returns what was before it.
TEST_F(WatchFaultTest, AReadFromAStateThatIsNotAppliedYetIsFound) {
  WatchWorld world({kClip}, clock_, {});
  SessionReader reader(world.hub(), plan_, Now());
  reader.ReadAll(Now());
  std::vector<ReadAfterEvent> reads;
  std::vector<ReadAfterEvent> late_reads;
  for (int i = 0; i < 10; ++i) {
    const RootPtr before = world.store().root();
    Commit(&world, 1);
    const uint64_t told = reader.ReadAll(Now()).at(0).events().events(0).mod_revision();
    reads.push_back({kClip, told, world.store().root()->Find(kClip)->mod_revision});
    late_reads.push_back({kClip, told, before->Find(kClip)->mod_revision});
  }
  EXPECT_THAT(CheckAppliedBeforeNotify(reads), IsEmpty());
  EXPECT_THAT(CheckAppliedBeforeNotify(late_reads), Not(IsEmpty()));
}

}  // namespace
}  // namespace modelref::testing

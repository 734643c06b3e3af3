// Situations that broke other systems (streaming.md 4.4), named after the bug they replay. Those of
// restored backups are in watch_fork_test.cc, 4,096 known documents in watch_request_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/service/watch/client_model.h"
#include "tests/service/watch/validators.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckAlive;
using ::modelref::testing::CheckAll;
using ::modelref::testing::CheckBounded;
using ::modelref::testing::CheckConverged;
using ::modelref::testing::CheckEnds;
using ::modelref::testing::CheckLeftNothing;
using ::modelref::testing::CheckMessageSizes;
using ::modelref::testing::CheckResume;
using ::modelref::testing::ClientModel;
using ::modelref::testing::DigestAt;
using ::modelref::testing::Edit;
using ::modelref::testing::Event;
using ::modelref::testing::FakeClock;
using ::modelref::testing::kClip;
using ::modelref::testing::kImages;
using ::modelref::testing::kLegacyClip;
using ::modelref::testing::PlanFor;
using ::modelref::testing::Put;
using ::modelref::testing::Remove;
using ::modelref::testing::ResumePlan;
using ::modelref::testing::SessionReader;
using ::modelref::testing::SettledClient;
using ::modelref::testing::TempDir;
using ::modelref::testing::WatchTrace;
using ::modelref::testing::WatchWorld;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WatchRegressionTest : public ::testing::Test {
 protected:
  static Store::Options Ring(size_t transactions, const std::string& directory = "") {
    Store::Options options;
    options.directory = directory;
    options.history_transactions = transactions;
    return options;
  }
  absl::Time Now() { return clock_.TimeNow(); }
  static WatchPlan Plan(WatchPlan::Start start = WatchPlan::Start::kNow) {
    return PlanFor(start, {kClip, kImages});
  }
  void Commit(WatchWorld* world, const DocumentKey& key = kClip) {
    world->Commit(Edit(key, {Put("a", absl::StrCat(++value_))}));
  }

  FakeClock clock_;
  int value_ = 0;
};

// Commits between the moment a session looks at the store and the moment it makes its bookmark.
class BurstHub final : public WatchHub {
 public:
  BurstHub(Store& store, PositionWaiter& positions) : WatchHub(store, positions, "node-1") {}
  EncodedMessage Bookmark(const Root& root, const WatchedSet& watched) override {
    if (burst) burst();
    return WatchHub::Bookmark(root, watched);
  }
  std::function<void()> burst;
};

TEST_F(WatchRegressionTest, Etcd15220AWriteBurstDuringABookmarkIsNotOvertaken) {
  BurstHub* hub = nullptr;
  WatchWorld world({kClip, kImages}, clock_, {}, [&](Store& store, PositionWaiter& positions) {
    auto made = std::make_unique<BurstHub>(store, positions);
    hub = made.get();
    return made;
  });
  hub->burst = [&] {
    for (int i = 0; i < 5; ++i) Commit(&world);
  };
  SessionReader reader(world.hub(), Plan(), Now());
  for (int i = 0; i < 20; ++i) {
    reader.ReadAll(Now());
    clock_.Advance(absl::Seconds(23));
  }
  EXPECT_GT(world.log.head(), 50u);
  EXPECT_THAT(CheckAll(reader.trace(), world.log), IsEmpty());
}

TEST_F(WatchRegressionTest, Etcd20221AClientFromTheFutureIsNeverParked) {
  WatchWorld world({kClip, kImages}, clock_, Ring(4));
  std::mt19937 random(20221);
  for (int i = 0; i < 200; ++i) {
    Commit(&world);
    Position position = PositionOf(*world.store().root());
    position.revision += random() % 101;
    position.chain = std::nullopt;
    const bool ahead = position.revision > world.log.head();
    SessionReader reader(world.hub(), ResumePlan(Plan(), position), Now());
    const auto messages = reader.ReadAll(Now());
    ASSERT_FALSE(messages.empty());
    EXPECT_EQ(messages[0].created().resume(),
              ahead ? v1::RESUME_KIND_RESYNC : v1::RESUME_KIND_EXACT);
    Commit(&world);
    reader.ReadAll(Now());
    EXPECT_THAT(CheckAll(reader.trace(), world.log), IsEmpty());
  }
}

TEST_F(WatchRegressionTest, Etcd17529ReadersThatSleepInSendLoseNothing) {
  WatchWorld world({kClip, kImages}, clock_, Ring(4));
  std::vector<std::unique_ptr<SessionReader>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(
        std::make_unique<SessionReader>(world.hub(), Plan(WatchPlan::Start::kSnapshot), Now()));
  }
  for (int i = 0; i < 600; ++i) {
    Commit(&world, i % 7 == 0 ? kImages : kClip);
    // Each sleeps for as many commits as its number.
    for (size_t r = 0; r < readers.size(); ++r) {
      if (i % (r + 1) == 0) readers[r]->Read(Now());
    }
  }
  for (const auto& reader : readers) {
    reader->ReadAll(Now());
    EXPECT_EQ(reader->trace().messages.back().header().revision(), world.log.head());
    EXPECT_THAT(CheckAll(reader->trace(), world.log), IsEmpty());
  }
}

TEST_F(WatchRegressionTest, Etcd18089DeletesRightAtTheFloorAreTold) {
  WatchWorld world({kClip, kImages}, clock_, Ring(4));
  SessionReader reader(world.hub(), Plan(), Now());
  reader.ReadAll(Now());
  // Nothing but creates and deletes, so that every other transaction at the floor is a delete.
  for (int i = 0; i < 40; ++i) {
    world.Commit(Edit(kClip, {i % 2 == 0 ? Put("a", "1") : Remove("a")}));
    reader.ReadAll(Now());
  }
  const WatchTrace& before = reader.trace();
  const uint64_t floor = world.store().history_floor();
  size_t exact = 0;
  for (size_t at = 0; at < before.messages.size(); ++at) {
    const v1::WatchResponse& message = before.messages[at];
    const bool kept = message.header().revision() >= floor;
    exact += kept;
    SessionReader after(world.hub(), ResumePlan(Plan(), message.resume_token()), Now());
    after.ReadAll(Now());
    EXPECT_THAT(CheckResume(before, at, after.trace(),
                            kept ? v1::RESUME_KIND_EXACT : v1::RESUME_KIND_COALESCED, world.log),
                IsEmpty())
        << message.header().revision() << " with the floor at " << floor;
  }
  EXPECT_EQ(exact, 5u);
}

TEST_F(WatchRegressionTest, K8s86483ARollingRestartResyncsNobody) {
  TempDir directory;
  WatchWorld world({kClip, kImages, kLegacyClip}, clock_, Ring(4, directory.PathOf("store")));
  Commit(&world);
  std::string token;
  {
    SessionReader reader(world.hub(), Plan(WatchPlan::Start::kSnapshot), Now());
    reader.ReadAll(Now());
    token = reader.trace().messages.back().resume_token();
  }
  for (int restart = 0; restart < 5; ++restart) {
    // Only what nobody watches changes, more than the history holds.
    for (int i = 0; i < 10; ++i) Commit(&world, kLegacyClip);
    world.Reopen();
    SessionReader reader(world.hub(), ResumePlan(Plan(), token), Now());
    EXPECT_THAT(reader.ReadAll(Now()), SizeIs(1)) << "and there is nothing to tell";
    EXPECT_NE(reader.trace().messages[0].created().resume(), v1::RESUME_KIND_RESYNC);
    EXPECT_THAT(CheckAll(reader.trace(), world.log), IsEmpty());
  }
}

TEST_F(WatchRegressionTest, K8s91073AnIdleClientHopsBetweenTwoProcessesOfOneDirectory) {
  TempDir directory;
  const Store::Options options = Ring(4, directory.PathOf("store"));
  WatchWorld one({kClip, kImages, kLegacyClip}, clock_, options);
  WatchWorld two({kClip, kImages, kLegacyClip}, clock_, options);
  std::string token;
  for (int hop = 0; hop < 6; ++hop) {
    WatchWorld& here = hop % 2 == 0 ? one : two;
    WatchWorld& there = hop % 2 == 0 ? two : one;
    const uint64_t next = here.log.head() + 1;
    Event seen;
    {
      const ChangeSignal::Subscription subscription(there.hub().changes(), [&] {
        if (there.store().root()->revision == next) seen.Set();
      });
      // Not what the client watches. Both logs are one history.
      here.Commit(Edit(kLegacyClip, {Put("a", absl::StrCat(hop))}));
      there.log = here.log;
      ASSERT_TRUE(seen.Wait());
    }
    WatchPlan plan = Plan();
    if (!token.empty()) plan = ResumePlan(plan, token);
    SessionReader reader(there.hub(), plan, Now());
    reader.ReadAll(Now());
    clock_.Advance(absl::Seconds(30));
    const auto messages = reader.ReadAll(Now());
    ASSERT_FALSE(messages.empty());
    EXPECT_TRUE(messages.back().has_bookmark());
    EXPECT_EQ(messages.back().header().revision(), here.log.head()) << "an idle stream moves on";
    EXPECT_THAT(CheckAll(reader.trace(), there.log), IsEmpty());
    token = messages.back().resume_token();
  }
}

TEST_F(WatchRegressionTest, Unleash1603AResyncReplacesWhateverTheClientHolds) {
  WatchWorld world({kClip, kImages}, clock_, {});
  world.Commit(Edit(kClip, {Put("a", "1"), Put("b", "1")}));
  // A client of another server, with models that do not exist here.
  std::map<DocumentKey, ClientModel::Copy> copies;
  copies[kClip].records = {{"gone", "{}"}, {"b", "{}"}};
  copies[kImages].records = {{"gone too", "{}"}};
  for (auto& [key, copy] : copies) {
    copy.etag = testing::EtagOf(copy.records);
    copy.mod_revision = 77;
  }
  Position elsewhere;
  elsewhere.revision = 99;
  SessionReader reader(world.hub(), ResumePlan(Plan(), elsewhere), Now());
  ClientModel client(world.log, {kClip, kImages}, copies);
  for (const v1::WatchResponse& message : reader.ReadAll(Now())) {
    EXPECT_THAT(client.Apply(message), IsEmpty());
  }
  EXPECT_THAT(client.Compare(), IsEmpty());
}

TEST_F(WatchRegressionTest, Consul9772StreamsThatShareSnapshotsKeepTheirOwnFraming) {
  WatchWorld world({kClip, kImages}, clock_, {});
  Commit(&world);
  WatchPlan absent = Plan(WatchPlan::Start::kSnapshot);
  absent.watched.absent = {"not_yet"};
  absent.progress_interval = absl::Seconds(7);
  Position elsewhere;
  for (const WatchPlan& plan : {Plan(WatchPlan::Start::kSnapshot), absent,
                                ResumePlan(Plan(), elsewhere), ResumePlan(absent, elsewhere)}) {
    SessionReader reader(world.hub(), plan, Now());
    const auto messages = reader.ReadAll(Now());
    ASSERT_THAT(messages, SizeIs(4));
    const v1::WatchCreated& created = messages[0].created();
    const bool resumed = plan.start == WatchPlan::Start::kResume;
    EXPECT_EQ(created.resume(), resumed ? v1::RESUME_KIND_RESYNC : v1::RESUME_KIND_UNSPECIFIED);
    EXPECT_EQ(created.absent_size(), static_cast<int>(plan.watched.absent.size()));
    EXPECT_EQ(created.progress_interval().seconds(), absl::ToInt64Seconds(plan.progress_interval));
    EXPECT_EQ(messages[1].snapshot_begin().reason(),
              resumed ? v1::SNAPSHOT_REASON_EPOCH_CHANGED : v1::SNAPSHOT_REASON_INITIAL);
    EXPECT_THAT(CheckAll(reader.trace(), world.log), IsEmpty());
  }
}

TEST_F(WatchRegressionTest, Etcd19441MessagesStayBelowTheirLimitWhateverIsInThem) {
  WatchWorld world({kClip, kImages}, clock_, {});
  WatchPlan plan = Plan();
  plan.inline_delta = true;
  plan.max_inline_bytes = 512 << 10;
  SessionReader reader(world.hub(), plan, Now());
  reader.ReadAll(Now());
  for (const size_t limit : {kMaxMessageBytes / 2, kMaxMessageBytes, 2 * kMaxMessageBytes}) {
    for (int off = -600; off <= 600; off += 100) {
      const std::string value(limit + static_cast<size_t>(off), 'x');
      world.Commit(Edit(kClip, {Put(absl::StrCat("a", off), value)}),
                   Edit(kImages, {Put(absl::StrCat("a", off), value)}));
      reader.ReadAll(Now());
    }
  }
  EXPECT_THAT(CheckAll(reader.trace(), world.log), IsEmpty());
  EXPECT_THAT(CheckMessageSizes(reader.trace(), kMaxMessageBytes), IsEmpty())
      << "two documents: each message could do without a delta";
}

TEST_F(WatchRegressionTest, AlbAStreamIsNeverSilentForLongerThanItsInterval) {
  WatchWorld world({kClip, kImages}, clock_, {});
  SessionReader reader(world.hub(), Plan(), Now());
  reader.ReadAll(Now());
  for (int second = 0; second < 1200; ++second) {
    if (second % 171 == 0) Commit(&world);
    if (second % 53 == 0) Commit(&world, kImages);
    clock_.Advance(absl::Milliseconds(1000));
    while (reader.Read(std::min(reader.idle_until(), Now()))) {
    }
    reader.ReadAll(Now());
  }
  EXPECT_THAT(CheckAlive(reader.trace()), IsEmpty());
}

TEST_F(WatchRegressionTest, GoControlPlane570NothingIsLeftOfStreamsThatCameAndWent) {
  WatchWorld world({kClip, kImages}, clock_, {});
  const auto gauges = [&] {
    return std::map<std::string, int64_t>{
        {"sessions", static_cast<int64_t>(world.hub().statistics().sessions)},
        {"subscribers", static_cast<int64_t>(world.hub().changes().subscribers())}};
  };
  const auto before = gauges();
  {
    std::vector<std::unique_ptr<SessionReader>> readers;
    for (int i = 0; i < 100; ++i) {
      readers.push_back(std::make_unique<SessionReader>(world.hub(), Plan(), Now()));
      readers.back()->Read(Now());
      if (i % 3 == 0) readers.back()->Read(Now(), v1::DRAIN_REASON_SHUTDOWN);
    }
    Commit(&world);
    EXPECT_EQ(gauges().at("sessions"), 100);
  }
  EXPECT_THAT(CheckLeftNothing(before, gauges()), IsEmpty());
}

TEST_F(WatchRegressionTest, K8s104171APositionThatCannotBeContinuedIsNotAnsweredByABareEnd) {
  WatchWorld world({kClip, kImages}, clock_, Ring(4));
  Position elsewhere;
  std::vector<WatchTrace> traces;
  for (const bool fail : {false, true}) {
    WatchPlan plan = ResumePlan(Plan(), elsewhere);
    plan.fail_on_gap = fail;
    SessionReader reader(world.hub(), plan, Now());
    reader.ReadAll(Now());
    reader.Read(Now(), v1::DRAIN_REASON_MAX_AGE);
    reader.Read(Now());
    EXPECT_TRUE(reader.finished());
    traces.push_back(reader.trace());
  }
  EXPECT_THAT(CheckEnds({&traces[0], &traces[1]}), IsEmpty());
}

}  // namespace
}  // namespace modelref

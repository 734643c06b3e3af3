#include "service/watch/watch_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/service/watch/client_model.h"
#include "tests/service/watch/validators.h"
#include "tests/service/watch/watch_harness.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_clock.h"

namespace modelref {
namespace {

using ::modelref::testing::CheckAll;
using ::modelref::testing::ClientModel;
using ::modelref::testing::CommitLog;
using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::kClip;
using ::modelref::testing::kDeadline;
using ::modelref::testing::kImages;
using ::modelref::testing::PlanFor;
using ::modelref::testing::Put;
using ::modelref::testing::Remove;
using ::modelref::testing::SessionReader;
using ::modelref::testing::WatchWorld;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WatchHubTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  WatchWorld world_{{kClip, kImages}, clock_, {}};
};

TEST_F(WatchHubTest, OpenSessionsAreCountedUntilTheyAreGone) {
  const WatchPlan plan = PlanFor(WatchPlan::Start::kNow, {kClip});
  SessionReader stays(world_.hub(), plan, clock_.TimeNow());
  {
    SessionReader leaves(world_.hub(), plan, clock_.TimeNow());
    EXPECT_EQ(world_.hub().statistics().sessions, 2u);
  }
  EXPECT_EQ(world_.hub().statistics().sessions, 1u);
  EXPECT_EQ(world_.hub().statistics().sessions_total, 2u);
}

TEST_F(WatchHubTest, ACutIsEncodedOncePerClassOfFilter) {
  std::vector<std::unique_ptr<SessionReader>> readers;
  for (int i = 0; i < 10; ++i) {
    readers.push_back(std::make_unique<SessionReader>(
        world_.hub(), PlanFor(WatchPlan::Start::kNow, {kClip}), clock_.TimeNow()));
    readers.back()->ReadAll(clock_.TimeNow());
  }
  WatchPlan inline_plan = PlanFor(WatchPlan::Start::kNow, {kClip});
  inline_plan.inline_delta = true;
  SessionReader other(world_.hub(), inline_plan, clock_.TimeNow());
  other.ReadAll(clock_.TimeNow());
  world_.Commit(Edit(kClip, {Put("a", "1")}));
  for (const auto& reader : readers) EXPECT_THAT(reader->ReadAll(clock_.TimeNow()), SizeIs(1));
  EXPECT_THAT(other.ReadAll(clock_.TimeNow()), SizeIs(1));
  EXPECT_EQ(world_.hub().statistics().cuts_encoded, 2u);
  EXPECT_EQ(world_.hub().statistics().cuts_shared, 9u);
  EXPECT_EQ(world_.hub().statistics().messages, 11u + 11u);
}

TEST_F(WatchHubTest, WhatIsSharedIsForgottenInTimeAndStaysRight) {
  SessionReader reader(world_.hub(), PlanFor(WatchPlan::Start::kNow, {kClip}), clock_.TimeNow());
  reader.ReadAll(clock_.TimeNow());
  for (int i = 0; i < 500; ++i) {
    world_.Commit(Edit(kClip, {Put("a", absl::StrCat(i))}));
    ASSERT_THAT(reader.ReadAll(clock_.TimeNow()), SizeIs(1));
  }
  EXPECT_THAT(CheckAll(reader.trace(), world_.log), IsEmpty());
}

// One thread that reads a stream as a client would, woken by the hub.
class ReadingThread {
 public:
  ReadingThread(WatchHub& hub, Clock& clock, const WatchPlan& plan)
      : clock_(clock),
        session_(hub, plan, clock.TimeNow()),
        subscription_(hub.changes(), [this] { Wake(); }),
        thread_([this] { Run(); }) {}

  // Waits until the stream has told everything up to `revision`.
  void JoinAt(uint64_t revision) {
    last_ = revision;
    Wake();
    thread_.join();
  }
  const testing::WatchTrace& trace() const { return session_.trace(); }

 private:
  void Wake() {
    MutexLock lock(&mutex_);
    woken_ = true;
    changed_.SignalAll();
  }
  bool AwaitWake() {
    MutexLock lock(&mutex_);
    while (!woken_) {
      if (!changed_.WaitFor(&mutex_, kDeadline)) return false;
    }
    woken_ = false;
    return true;
  }
  void Run() {
    uint64_t position = 0;
    do {
      for (const v1::WatchResponse& message : session_.ReadAll(clock_.TimeNow())) {
        position = message.header().revision();
      }
    } while (position < last_ && AwaitWake());
  }

  Clock& clock_;
  SessionReader session_;
  Mutex mutex_;
  CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<uint64_t> last_{std::numeric_limits<uint64_t>::max()};
  ChangeSignal::Subscription subscription_;
  std::thread thread_;
};

std::vector<DocumentEdit> NumberedEdits(int i) {
  std::vector<DocumentEdit> edits;
  const std::string name = absl::StrCat("model", i % 7);
  edits.push_back(Edit(kClip, {i % 5 == 4 ? Remove(name) : Put(name, absl::StrCat(i))}));
  edits.push_back(Edit(kImages, {Put("count", absl::StrCat(i))}));
  return edits;
}

TEST_F(WatchHubTest, ThreadsOfSessionsFollowACommittingThread) {
  constexpr int kCommits = 400;
  constexpr int kThreads = 8;
  std::vector<std::unique_ptr<ReadingThread>> readers;
  for (int i = 0; i < kThreads; ++i) {
    WatchPlan plan = PlanFor(i % 2 == 0 ? WatchPlan::Start::kNow : WatchPlan::Start::kSnapshot,
                             {kClip, kImages});
    plan.inline_delta = i % 4 < 2;
    readers.push_back(std::make_unique<ReadingThread>(world_.hub(), clock_, plan));
  }
  std::thread committer([&] {
    for (int i = 0; i < kCommits; ++i) world_.CommitAll(NumberedEdits(i));
  });
  std::thread marker([&] {
    for (int i = 0; i < kCommits; ++i) {
      world_.store().SetFreshness(kClip, static_cast<FreshnessCause>(i % 3), "");
    }
  });
  committer.join();
  marker.join();
  for (const auto& reader : readers) reader->JoinAt(world_.log.head());
  for (const auto& reader : readers) {
    EXPECT_THAT(CheckAll(reader->trace(), world_.log), IsEmpty());
    ClientModel client(world_.log, reader->trace().watched);
    for (const v1::WatchResponse& message : reader->trace().messages) {
      EXPECT_THAT(client.Apply(message), IsEmpty());
    }
    EXPECT_EQ(client.revision(), world_.log.head());
    EXPECT_THAT(client.Compare(), IsEmpty());
  }
}

}  // namespace
}  // namespace modelref

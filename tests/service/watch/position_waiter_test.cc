#include "service/watch/position_waiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "service/store/database.h"
#include "tests/service/store/edits.h"
#include "tests/testing/event.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::Event;
using ::modelref::testing::FakeClock;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::kClip;
using ::modelref::testing::Put;
using ::modelref::testing::StatusIs;

// An answer that comes at its own time.
class Answer {
 public:
  PositionWaiter::Callback callback() {
    return [this](absl::StatusOr<Standing> standing) {
      value_ = std::move(standing);
      came_.Set();
    };
  }
  bool came() const { return came_.IsSet(); }
  absl::StatusOr<Standing> Wait() {
    EXPECT_TRUE(came_.Wait());
    return value_;
  }

 private:
  Event came_;
  absl::StatusOr<Standing> value_ = absl::UnknownError("no answer");
};

class PositionWaiterTest : public ::testing::Test {
 protected:
  static Store::Options Forgetful() {
    Store::Options options;
    options.history_transactions = 2;
    return options;
  }
  static PositionWaiter::Options Patience(absl::Duration follow) {
    PositionWaiter::Options options;
    options.follow = follow;
    return options;
  }
  uint64_t Commit() { return CommitTo(store_, Edit(kClip, {Put("a", absl::StrCat(++value_))})); }
  Position Head() const { return PositionOf(*store_.root()); }
  Position After(uint64_t steps) const {
    Position position = Head();
    position.revision += steps;
    position.chain = std::nullopt;
    return position;
  }
  absl::StatusOr<Standing> Await(PositionWaiter& waiter, const Position& position) {
    Answer answer;
    waiter.Await(position, answer.callback());
    return answer.Wait();
  }

  FakeClock clock_;
  Store store_{{kClip}, clock_, Forgetful()};
  int value_ = 0;
};

TEST_F(PositionWaiterTest, WhatMemoryKnowsIsAnsweredAtOnce) {
  PositionWaiter waiter(store_, nullptr, {});
  Commit();
  EXPECT_EQ(waiter.Look(Head()), Standing::kKnown);
  Position other = Head();
  other.chain = ChainPrefix{};
  EXPECT_EQ(waiter.Look(other), Standing::kOtherChain);
  Answer answer;
  waiter.Await(Head(), answer.callback());
  EXPECT_TRUE(answer.came());
  EXPECT_THAT(answer.Wait(), IsOkAndHolds(Standing::kKnown));
}

TEST_F(PositionWaiterTest, APositionThatIsReachedInTimeIsKnown) {
  PositionWaiter waiter(store_, nullptr, Patience(testing::kDeadline));
  Answer answer;
  waiter.Await(After(1), answer.callback());
  EXPECT_EQ(waiter.Look(After(1)), std::nullopt);
  EXPECT_FALSE(answer.came());
  Commit();
  EXPECT_THAT(answer.Wait(), IsOkAndHolds(Standing::kKnown));
}

TEST_F(PositionWaiterTest, TheChainOfAPositionThatIsReachedIsJudged) {
  PositionWaiter waiter(store_, nullptr, Patience(testing::kDeadline));
  Position position = After(1);
  position.chain = ChainPrefix{};
  Answer answer;
  waiter.Await(position, answer.callback());
  Commit();
  EXPECT_THAT(answer.Wait(), IsOkAndHolds(Standing::kOtherChain));
}

TEST_F(PositionWaiterTest, APositionThatIsNotReachedStaysAhead) {
  PositionWaiter waiter(store_, nullptr, Patience(absl::Milliseconds(30)));
  EXPECT_THAT(Await(waiter, After(1)), IsOkAndHolds(Standing::kAhead));
}

TEST_F(PositionWaiterTest, WhatAnotherProcessCommittedIsWaitedForHoweverLateItIsSeen) {
  const testing::TempDir directory;
  Store::Options options;
  options.directory = directory.PathOf("store");
  absl::StatusOr<std::unique_ptr<Store>> here = Store::Open({kClip}, clock_, options);
  ASSERT_TRUE(here.ok()) << here.status();
  absl::StatusOr<std::unique_ptr<Store>> there = Store::Open({kClip}, clock_, options);
  ASSERT_TRUE(there.ok()) << there.status();
  // As if following took longer than that.
  PositionWaiter waiter(**here, nullptr, Patience(absl::ZeroDuration()));
  for (int i = 0; i < 50; ++i) {
    CommitTo(**there, Edit(kClip, {Put("a", absl::StrCat(++value_))}));
    const Position head = PositionOf(*(*there)->root());
    EXPECT_THAT(Await(waiter, head), IsOkAndHolds(Standing::kKnown)) << i;
  }
  Position lost = PositionOf(*(*there)->root());
  lost.revision += 1;
  EXPECT_THAT(Await(waiter, lost), IsOkAndHolds(Standing::kAhead));
}

TEST_F(PositionWaiterTest, AnUnknownEpochIsWaitedForToo) {
  PositionWaiter waiter(store_, nullptr, Patience(absl::Milliseconds(30)));
  Position position = Head();
  position.epoch[0] ^= 1;
  EXPECT_EQ(waiter.Look(position), std::nullopt);
  EXPECT_THAT(Await(waiter, position), IsOkAndHolds(Standing::kUnknownEpoch));
}

TEST_F(PositionWaiterTest, ManyWaitAndEachIsAnsweredAtItsOwnPosition) {
  PositionWaiter waiter(store_, nullptr, Patience(testing::kDeadline));
  std::vector<std::unique_ptr<Answer>> answers;
  for (uint64_t i = 1; i <= 20; ++i) {
    answers.push_back(std::make_unique<Answer>());
    waiter.Await(After(i), answers.back()->callback());
  }
  for (const auto& answer : answers) {
    EXPECT_FALSE(answer->came());
    Commit();
    EXPECT_THAT(answer->Wait(), IsOkAndHolds(Standing::kKnown));
  }
}

TEST_F(PositionWaiterTest, AnOldChainIsReadFromTheDatabaseOnTheExecutor) {
  Executor executor({.threads = 1});
  PositionWaiter waiter(store_, &executor, {});
  Commit();
  const Position old = Head();
  for (int i = 0; i < 10; ++i) Commit();
  EXPECT_EQ(waiter.Look(old), std::nullopt);
  EXPECT_THAT(Await(waiter, old), IsOkAndHolds(Standing::kKnown));
  Position other = old;
  other.chain = ChainPrefix{};
  EXPECT_THAT(Await(waiter, other), IsOkAndHolds(Standing::kOtherChain));
}

TEST_F(PositionWaiterTest, AChainThatIsNotKeptIsForgotten) {
  PositionWaiter waiter(store_, nullptr, {});
  Commit();
  const Position old = Head();
  for (int i = 0; i < 10; ++i) Commit();
  ASSERT_THAT(store_.Query([](Database& database) {
    return database.Execute("DELETE FROM transactions WHERE revision < 5");
  }),
              IsOk());
  EXPECT_THAT(Await(waiter, old), IsOkAndHolds(Standing::kForgotten));
  Position unproven = old;
  unproven.chain = std::nullopt;
  EXPECT_THAT(Await(waiter, unproven), IsOkAndHolds(Standing::kKnown)) << "nothing is asked";
}

TEST_F(PositionWaiterTest, AQuestionTheExecutorDoesNotTakeFails) {
  Executor executor({.threads = 1});
  executor.Shutdown();
  PositionWaiter waiter(store_, &executor, {});
  Commit();
  const Position old = Head();
  for (int i = 0; i < 10; ++i) Commit();
  EXPECT_THAT(Await(waiter, old), HasReason("SHUTTING_DOWN"));
}

TEST_F(PositionWaiterTest, AQuestionTheExecutorDropsIsAnswered) {
  auto executor = std::make_unique<Executor>(Executor::Options{.threads = 1});
  Commit();
  const Position old = Head();
  for (int i = 0; i < 10; ++i) Commit();
  PositionWaiter waiter(store_, executor.get(), {});
  Event blocked;
  Event release;
  ASSERT_THAT(executor->Submit([&] {
    blocked.Set();
    (void)release.Wait();
  }),
              IsOk());
  ASSERT_TRUE(blocked.Wait());
  Answer answer;
  waiter.Await(old, answer.callback());
  std::thread stopper([&] { executor->Shutdown(); });
  release.Set();
  // Dropped or run, depending on who was quicker: never without an answer.
  const absl::StatusOr<Standing> standing = answer.Wait();
  EXPECT_TRUE(standing.ok() || ReasonOf(standing.status()) == "SHUTTING_DOWN") << standing.status();
  stopper.join();
}

TEST_F(PositionWaiterTest, StoppingAnswersThoseWhoWait) {
  PositionWaiter waiter(store_, nullptr, Patience(testing::kDeadline));
  Answer waiting;
  waiter.Await(After(1), waiting.callback());
  waiter.Stop();
  EXPECT_THAT(waiting.Wait(), HasReason("SHUTTING_DOWN"));
  EXPECT_THAT(Await(waiter, After(1)), HasReason("SHUTTING_DOWN")) << "later ones too";
  EXPECT_THAT(Await(waiter, Head()), IsOkAndHolds(Standing::kKnown))
      << "who need not wait need not";
}

TEST_F(PositionWaiterTest, AReadIsReachedByAnyStateThatHoldsThePosition) {
  PositionWaiter waiter(store_, nullptr, Patience(absl::ZeroDuration()));
  Commit();
  EXPECT_EQ(waiter.LookReached(Head()), absl::OkStatus());
  EXPECT_EQ(waiter.LookReached(After(1)), std::nullopt);
  absl::Status reached;
  waiter.AwaitReached(Head(), [&](const absl::Status& status) { reached = status; });
  EXPECT_THAT(reached, IsOk());
  Position other = Head();
  other.chain = ChainPrefix{};
  EXPECT_THAT(*waiter.LookReached(other), HasReason("EPOCH_MISMATCH"));
}

TEST_F(PositionWaiterTest, ErrorsSayWhereTheServerStands) {
  PositionWaiter waiter(store_, nullptr, {});
  Commit();
  const absl::Status ahead = waiter.ErrorFor(Standing::kAhead, After(5));
  EXPECT_THAT(ahead, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ahead, HasReason("REVISION_IN_FUTURE"));
  EXPECT_EQ(ExtrasOf(ahead).metadata.at("head"), "1");
  EXPECT_EQ(ExtrasOf(ahead).metadata.at("floor"), "0");
  EXPECT_EQ(ExtrasOf(ahead).metadata.at("epoch").size(), 32u);
  EXPECT_THAT(waiter.ErrorFor(Standing::kForgotten, Head()), HasReason("COMPACTED"));
  EXPECT_THAT(waiter.ErrorFor(Standing::kForgotten, Head()),
              StatusIs(absl::StatusCode::kOutOfRange));
  for (const Standing standing :
       {Standing::kUnknownEpoch, Standing::kForkedTail, Standing::kOtherChain}) {
    EXPECT_THAT(waiter.ErrorFor(standing, Head()), HasReason("EPOCH_MISMATCH"));
  }
}

TEST_F(PositionWaiterTest, AReplicaIsBehindAndSaysWhenToComeAgain) {
  PositionWaiter::Options options;
  options.is_replica = true;
  options.follow = absl::Hours(1);
  options.patience = absl::Milliseconds(30);
  PositionWaiter waiter(store_, nullptr, options);
  EXPECT_THAT(Await(waiter, After(1)), IsOkAndHolds(Standing::kAhead));
  const absl::Status behind = waiter.ErrorFor(Standing::kAhead, After(1));
  EXPECT_THAT(behind, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(behind, HasReason("REPLICA_BEHIND"));
  EXPECT_EQ(ExtrasOf(behind).retry_after, absl::Seconds(1));
}

}  // namespace
}  // namespace modelref

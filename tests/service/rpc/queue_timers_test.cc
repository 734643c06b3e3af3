#include "service/rpc/queue_timers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace modelref {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

const SteadyTime kStart = SteadyTime() + std::chrono::hours(1);

struct Target final : TimerTarget {
  explicit Target(std::function<void()> fired) : on_fired(std::move(fired)) {}
  void OnTimer(SteadyTime) override { on_fired(); }
  std::function<void()> on_fired;
};

TEST(QueueTimersTest, FireInOrderOfTime) {
  QueueTimers timers;
  std::vector<std::string> fired;
  Target a([&] { fired.push_back("a"); });
  Target b([&] { fired.push_back("b"); });
  Target c([&] { fired.push_back("c"); });
  timers.Set(&a, kStart + seconds(3));
  timers.Set(&b, kStart + seconds(1));
  timers.Set(&c, kStart + seconds(9));
  EXPECT_EQ(timers.next(), kStart + seconds(1));
  timers.Fire(kStart + seconds(3));
  EXPECT_THAT(fired, ElementsAre("b", "a"));
  EXPECT_EQ(timers.next(), kStart + seconds(9));
}

TEST(QueueTimersTest, SetReplacesAndCancelRemoves) {
  QueueTimers timers;
  int fired = 0;
  Target a([&] { ++fired; });
  timers.Set(&a, kStart);
  timers.Set(&a, kStart + seconds(5));
  timers.Fire(kStart + seconds(4));
  EXPECT_EQ(fired, 0);
  timers.Cancel(&a);
  timers.Cancel(&a);
  EXPECT_EQ(timers.next(), SteadyTime::max());
  timers.Fire(kStart + seconds(6));
  EXPECT_EQ(fired, 0);
}

TEST(QueueTimersTest, TargetThatIsAlwaysDueDoesNotHoldTheThread) {
  QueueTimers timers;
  int fired = 0;
  Target always([&] {
    ++fired;
    timers.Set(&always, kStart);
  });
  timers.Set(&always, kStart);
  timers.Fire(kStart + seconds(1));
  EXPECT_EQ(fired, 1);
}

TEST(QueueTimersTest, TargetMayCancelAnotherThatIsDue) {
  QueueTimers timers;
  int fired = 0;
  Target victim([&] { ++fired; });
  Target killer([&] { timers.Cancel(&victim); });
  timers.Set(&killer, kStart);
  timers.Set(&victim, kStart + seconds(1));
  timers.Fire(kStart + seconds(2));
  EXPECT_EQ(fired, 0);
}

struct Write final : OutboundWrite {
  void CancelWrite() override { ++cancelled; }
  int cancelled = 0;
};

class OutboundWritesTest : public ::testing::Test {
 protected:
  OutboundWrites writes_{{.stalled_after = seconds(60), .cancelled_after = seconds(300)}};
};

TEST_F(OutboundWritesTest, OldWriteStallsOnceAndIsCancelledOnce) {
  Write write;
  writes_.Add(&write, kStart);
  EXPECT_EQ(writes_.next(), kStart + seconds(60));
  EXPECT_EQ(writes_.Sweep(kStart + seconds(59)).stalled, 0);
  EXPECT_EQ(writes_.Sweep(kStart + seconds(60)).stalled, 1);
  EXPECT_EQ(writes_.Sweep(kStart + seconds(70)).stalled, 0);
  EXPECT_EQ(write.cancelled, 0);
  EXPECT_EQ(writes_.Sweep(kStart + seconds(300)).cancelled, 1);
  EXPECT_EQ(writes_.Sweep(kStart + seconds(400)).cancelled, 0);
  EXPECT_EQ(write.cancelled, 1);
  EXPECT_TRUE(writes_.Remove(&write));
  EXPECT_EQ(writes_.next(), SteadyTime::max());
}

TEST_F(OutboundWritesTest, RemovalTellsWhetherItWasStalled) {
  Write quick, slow, absent;
  writes_.Add(&slow, kStart);
  writes_.Add(&quick, kStart + seconds(50));
  EXPECT_EQ(writes_.Sweep(kStart + seconds(65)).stalled, 1);
  EXPECT_FALSE(writes_.Remove(&quick));
  EXPECT_TRUE(writes_.Remove(&slow));
  EXPECT_FALSE(writes_.Remove(&slow));
  EXPECT_FALSE(writes_.Remove(&absent));
}

TEST_F(OutboundWritesTest, RemovalFromTheMiddleKeepsTheOthers) {
  Write first, middle, last;
  writes_.Add(&first, kStart);
  writes_.Add(&middle, kStart + seconds(1));
  writes_.Add(&last, kStart + seconds(2));
  writes_.Remove(&middle);
  EXPECT_EQ(writes_.Sweep(kStart + seconds(100)).stalled, 2);
  writes_.Remove(&first);
  writes_.Add(&middle, kStart + seconds(200));
  EXPECT_EQ(writes_.Sweep(kStart + seconds(320)).cancelled, 1);
  EXPECT_EQ(last.cancelled, 1);
  EXPECT_EQ(middle.cancelled, 0);
}

TEST_F(OutboundWritesTest, SweepsAreSpacedWhileSomethingIsStalled) {
  Write write;
  writes_.Add(&write, kStart);
  writes_.Sweep(kStart + seconds(61));
  EXPECT_EQ(writes_.next(), kStart + seconds(66));
}

}  // namespace
}  // namespace modelref

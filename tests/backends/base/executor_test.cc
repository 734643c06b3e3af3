#include "backends/base/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "backends/base/error.h"

namespace modelref {
namespace {

class Latch {
 public:
  explicit Latch(int count) : count_(count) {}
  void CountDown() {
    MutexLock lock(&mutex_);
    --count_;
    changed_.SignalAll();
  }
  bool Wait() {
    MutexLock lock(&mutex_);
    while (count_ > 0) {
      if (!changed_.WaitFor(&mutex_, absl::Seconds(60))) return count_ <= 0;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_);
};

TEST(ExecutorTest, RunsTasksOnAllItsThreads) {
  Executor executor({.threads = 3, .queue_limit = 10});
  // Each task waits for the others, so one thread alone could not finish them.
  Latch together(3);
  Latch done(3);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(executor
                    .Submit([&] {
                      together.CountDown();
                      EXPECT_TRUE(together.Wait());
                      done.CountDown();
                    })
                    .ok());
  }
  EXPECT_TRUE(done.Wait());
}

TEST(ExecutorTest, FullQueueRefusesAndDestroysTheTask) {
  Executor executor({.threads = 1, .queue_limit = 1});
  Latch started(1);
  Latch release(1);
  ASSERT_TRUE(executor
                  .Submit([&] {
                    started.CountDown();
                    release.Wait();
                  })
                  .ok());
  ASSERT_TRUE(started.Wait());
  ASSERT_TRUE(executor.Submit([] {}).ok());
  EXPECT_EQ(executor.queued(), 1u);
  auto owned = std::make_shared<int>(1);
  const absl::Status refused = executor.Submit([owned] {});
  EXPECT_EQ(ReasonOf(refused), "OVERLOADED");
  EXPECT_TRUE(ExtrasOf(refused).retry_after.has_value());
  EXPECT_EQ(owned.use_count(), 1);
  release.CountDown();
}

TEST(ExecutorTest, ShutdownFinishesRunningTasksAndDropsWaitingOnes) {
  Executor executor({.threads = 1, .queue_limit = 10});
  Latch started(1);
  Latch waiting(1);
  std::atomic<bool> finished{false};
  std::atomic<int> dropped_runs{0};
  auto owned = std::make_shared<int>(1);
  ASSERT_TRUE(executor
                  .Submit([&] {
                    started.CountDown();
                    waiting.Wait();
                    // Until Shutdown() takes the waiting task away.
                    while (executor.queued() > 0) std::this_thread::yield();
                    finished = true;
                  })
                  .ok());
  ASSERT_TRUE(started.Wait());
  ASSERT_TRUE(executor.Submit([&dropped_runs, owned] { ++dropped_runs; }).ok());
  waiting.CountDown();
  executor.Shutdown();
  EXPECT_TRUE(finished);
  EXPECT_EQ(dropped_runs, 0);
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_EQ(ReasonOf(executor.Submit([] {})), "SHUTTING_DOWN");
  executor.Shutdown();
}

}  // namespace
}  // namespace modelref

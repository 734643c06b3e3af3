#include "service/watch/change_signal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"

namespace modelref {
namespace {

using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::FakeClock;
using ::modelref::testing::kClip;
using ::modelref::testing::Put;

class ChangeSignalTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  Store store_{{kClip}, clock_, Store::Options()};
};

TEST_F(ChangeSignalTest, SubscribersAreWokenByEachChangeUntilTheyLeave) {
  ChangeSignal signal(store_);
  int first = 0;
  int second = 0;
  ChangeSignal::Subscription stays(signal, [&] { ++first; });
  {
    ChangeSignal::Subscription leaves(signal, [&] { ++second; });
    EXPECT_EQ(signal.subscribers(), 2u);
    CommitTo(store_, Edit(kClip, {Put("a", "1")}));
    store_.SetFreshness(kClip, FreshnessCause::kMarked, "");
  }
  CommitTo(store_, Edit(kClip, {Put("a", "2")}));
  EXPECT_EQ(first, 3);
  EXPECT_EQ(second, 2);
  EXPECT_EQ(signal.subscribers(), 1u);
}

TEST_F(ChangeSignalTest, ThoseOfOneNeighbourhoodAreToldOneAfterTheOther) {
  ChangeSignal signal(store_);
  std::vector<uint64_t> told;
  std::vector<std::unique_ptr<ChangeSignal::Subscription>> subscriptions;
  for (int i = 0; i < 30; ++i) {
    const uint64_t neighbourhood = i % 3;
    subscriptions.push_back(std::make_unique<ChangeSignal::Subscription>(
        signal, [&told, neighbourhood] { told.push_back(neighbourhood); }, neighbourhood));
  }
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  EXPECT_EQ(told.size(), 30u);
  told.erase(std::unique(told.begin(), told.end()), told.end());
  EXPECT_EQ(told.size(), 3u);
}

TEST_F(ChangeSignalTest, TheStoreMayChangeAfterTheSignalIsGone) {
  auto signal = std::make_unique<ChangeSignal>(store_);
  signal.reset();
  EXPECT_EQ(CommitTo(store_, Edit(kClip, {Put("a", "1")})), 1u);
}

TEST_F(ChangeSignalTest, SubscriptionsComeAndGoWhileTheStoreChanges) {
  ChangeSignal signal(store_);
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      do {
        auto alive = std::make_unique<std::atomic<int>>(0);
        ChangeSignal::Subscription subscription(signal, [&alive] { ++*alive; });
        (void)signal.subscribers();
      } while (!done);
    });
  }
  for (int i = 0; i < 500; ++i) CommitTo(store_, Edit(kClip, {Put("a", absl::StrCat(i))}));
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(signal.subscribers(), 0u);
}

}  // namespace
}  // namespace modelref

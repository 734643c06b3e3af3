#include "service/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "service/process_limits.h"
#include "tests/service/rpc/rpc_test_server.h"

namespace modelref {
namespace {

using ::modelref::testing::Eventually;

TEST(WatchdogTest, FeedsOnlyWhileProbesSucceed) {
  std::atomic<bool> well{true};
  std::atomic<int> fed{0};
  Watchdog::Hooks hooks;
  hooks.probe = [&] { return well.load() ? absl::OkStatus() : absl::UnavailableError("away"); };
  hooks.feed = [&] { fed.fetch_add(1); };
  Watchdog watchdog({.interval = absl::Milliseconds(5), .feed_interval = absl::Milliseconds(5)},
                    hooks);
  EXPECT_TRUE(Eventually([&] { return fed.load() > 3; }));
  well.store(false);
  EXPECT_TRUE(Eventually([&] { return watchdog.status().failing_for > 0; }));
  const int before = fed.load();
  EXPECT_TRUE(Eventually([&] { return watchdog.status().failing_for > 2; }));
  EXPECT_LE(fed.load(), before + 1);
  well.store(true);
  EXPECT_TRUE(Eventually([&] { return fed.load() > before + 2; }));
  EXPECT_EQ(watchdog.status().failing_for, 0);
  EXPECT_GT(watchdog.status().failures, 2);
}

TEST(WatchdogTest, WithoutProbesItFeedsAllTheSame) {
  std::atomic<int> fed{0};
  Watchdog::Hooks hooks;
  hooks.feed = [&] { fed.fetch_add(1); };
  const Watchdog watchdog(
      {.interval = absl::ZeroDuration(), .feed_interval = absl::Milliseconds(5)}, hooks);
  EXPECT_TRUE(Eventually([&] { return fed.load() > 3; }));
}

TEST(WatchdogTest, MemoryIsShortFromTheLimitOnAndEnoughAgainWellBelow) {
  std::atomic<uint64_t> used{50};
  std::atomic<int> shortages{0};
  std::atomic<bool> is_short{false};
  Watchdog::Hooks hooks;
  hooks.memory_used = [&] { return used.load(); };
  hooks.set_memory_short = [&](bool now_short) {
    is_short.store(now_short);
    shortages.fetch_add(now_short ? 1 : 0);
  };
  const Watchdog watchdog({.interval = absl::ZeroDuration(), .memory_limit_bytes = 100}, hooks);
  used.store(101);
  EXPECT_TRUE(Eventually([&] { return is_short.load(); }));
  EXPECT_TRUE(watchdog.status().memory_short);
  used.store(90);
  EXPECT_TRUE(Eventually([&] { return !is_short.load(); }));
  EXPECT_EQ(shortages.load(), 1);
}

TEST(ProcessLimitsTest, SomeDescriptorsAreKeptFromConnections) {
  EXPECT_EQ(ConnectionsFor(65'536), 65'280);
  EXPECT_EQ(ConnectionsFor(256), 128);
  EXPECT_GT(MemoryAvailable(), uint64_t{64} << 20);
}

}  // namespace
}  // namespace modelref

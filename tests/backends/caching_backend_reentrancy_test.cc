// Callbacks that call the cache, and locks that are taken by them (H 8.3: W-N1). Run under TSan as
// well.

#include <mutex>
#include <thread>

#include "backends/caching_backend.h"
#include "tests/backends/caching_backend_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::Event;
using ::modelref::testing::IsOk;
using ::testing::ElementsAre;

constexpr FetchMode kAllow = FetchMode::kAllowCaches;
constexpr FetchMode kBypass = FetchMode::kBypassCaches;

using CachingBackendReentrancyTest = CachingBackendFixture;

TEST_F(CachingBackendReentrancyTest, CallbacksMayCallTheCache) {
  const auto cache = MakeCache();
  int calls = 0;
  cache->RegisterInvalidationCallback([&](const DocumentKey& key, StaleCause) {
    ++calls;
    EXPECT_THAT(cache->Fetch(key, kAllow), IsOk());
    EXPECT_THAT(FetchAndWait(*cache, key, kBypass), IsOk());
    cache->Invalidate(kLegacy);
    if (calls == 1) {
      cache->RegisterInvalidationCallback([](const DocumentKey&, StaleCause) {});
      cache->MarkStale(kLegacy);
    }
  });
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(61));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("a"));
  EXPECT_EQ(calls, 2);
}

TEST_F(CachingBackendReentrancyTest, AReaderTakesWhatACallbackLoadedMeanwhile) {
  const auto cache = MakeCache();
  cache->RegisterInvalidationCallback(
      [&](const DocumentKey& key, StaleCause) { EXPECT_THAT(cache->Fetch(key, kAllow), IsOk()); });
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  clock_.Advance(absl::Seconds(61));
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  EXPECT_EQ(fake_->fetch_count(kV2), 2u);
}

// Answers another version to everybody, once two callers wait for it at the same time.
class MeetingProbe final : public VersionProbe {
 public:
  absl::StatusOr<std::string> CurrentVersion(const DocumentKey&) override {
    MutexLock lock(&mutex_);
    ++callers_;
    changed_.SignalAll();
    while (callers_ < 2) {
      if (!changed_.WaitFor(&mutex_, testing::kDeadline)) return absl::UnknownError("alone");
    }
    return std::string("another");
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int callers_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(CachingBackendReentrancyTest, TwoWhoFindTheSameChangeNotifyOnce) {
  Options options;
  options.probe = std::make_shared<MeetingProbe>();
  const auto cache = MakeCache(options);
  Invalidations invalidations;
  invalidations.Watch(*cache);
  ASSERT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  std::thread other([&] { EXPECT_FALSE(cache->IsCacheValid(kV2)); });
  EXPECT_TRUE(cache->NeedsRefresh(kV2));
  other.join();
  EXPECT_EQ(invalidations.seen().size(), 1u);
}

TEST_F(CachingBackendReentrancyTest, AnAsynchronousCallerMayBlockOnAnotherDocument) {
  Executor one{Executor::Options{.threads = 1, .queue_limit = 8}};
  const auto cache = CachingBackend::Make(slow_, TtlOptions(), clock_, one);
  Event done;
  cache->FetchAsync(kV2, kAllow, [&](const absl::StatusOr<SnapshotPtr>&) {
    // The load of kLegacy is queued behind this very callback.
    EXPECT_THAT(cache->Fetch(kLegacy, kAllow), IsOk());
    done.Set();
  });
  cache->FetchAsync(kLegacy, kAllow, [](const absl::StatusOr<SnapshotPtr>&) {});
  EXPECT_TRUE(done.Wait());
}

// W-N1: one thread holds its own lock and reads, the other reads and needs that lock in its
// callback.
TEST_F(CachingBackendReentrancyTest, ALockThatIsTakenByCallbacksDoesNotDeadlockReaders) {
  Options options;
  options.ttl = absl::ZeroDuration();
  const auto cache = MakeCache(options);
  std::recursive_mutex manager;
  cache->RegisterInvalidationCallback([&](const DocumentKey&, StaleCause) {
    const std::lock_guard<std::recursive_mutex> lock(manager);
  });
  const auto read = [&](bool under_lock) {
    for (int i = 0; i < 500; ++i) {
      clock_.Advance(absl::Milliseconds(1));
      std::unique_lock<std::recursive_mutex> lock(manager, std::defer_lock);
      if (under_lock) lock.lock();
      EXPECT_THAT(cache->Fetch(kV2, kAllow), IsOk());
    }
  };
  std::thread with_lock(read, true);
  std::thread without_lock(read, false);
  with_lock.join();
  without_lock.join();
  EXPECT_GT(fake_->fetch_count(kV2), 1u);
}

}  // namespace
}  // namespace modelref

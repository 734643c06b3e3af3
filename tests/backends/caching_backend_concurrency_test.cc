// Single flight and invalidation during loads (H 8.3: W-N3). Run under TSan as well.

#include <thread>

#include "backends/caching_backend.h"
#include "tests/backends/caching_backend_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::DocumentJson;
using ::modelref::testing::Event;
using ::modelref::testing::IsOk;
using ::modelref::testing::NamesOf;
using ::modelref::testing::StatusIs;
using ::testing::ElementsAre;

constexpr FetchMode kAllow = FetchMode::kAllowCaches;
constexpr FetchMode kBypass = FetchMode::kBypassCaches;

class CachingBackendConcurrencyTest : public CachingBackendFixture {
 protected:
  // A blocking fetch on a thread of its own.
  class Reader {
   public:
    Reader(CachingBackend& cache, const DocumentKey& key, FetchMode mode)
        : thread_([this, &cache, key, mode] { answer_ = cache.FetchWithState(key, mode); }) {}
    ~Reader() {
      if (thread_.joinable()) thread_.join();
    }
    std::vector<std::string> Names() {
      if (thread_.joinable()) thread_.join();
      EXPECT_THAT(answer_, IsOk());
      return answer_.ok() ? NamesOf(*answer_->snapshot->document) : std::vector<std::string>();
    }
    const absl::StatusOr<CachedSnapshot>& answer() const { return answer_; }

   private:
    absl::StatusOr<CachedSnapshot> answer_ = absl::UnknownError("no answer");
    std::thread thread_;
  };
};

TEST_F(CachingBackendConcurrencyTest, ConcurrentMissesShareOneLoad) {
  const auto cache = MakeCache();
  slow_->Hold();
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 8; ++i) readers.push_back(std::make_unique<Reader>(*cache, kV2, kAllow));
  ASSERT_TRUE(slow_->WaitForHeld(1));
  slow_->Release();
  for (const auto& reader : readers) EXPECT_THAT(reader->Names(), ElementsAre("a"));
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
}

TEST_F(CachingBackendConcurrencyTest, BothFormsShareOneLoad) {
  const auto cache = MakeCache();
  slow_->Hold();
  Event first_done;
  cache->FetchAsync(kV2, kAllow, [&](const absl::StatusOr<SnapshotPtr>&) { first_done.Set(); });
  ASSERT_TRUE(slow_->WaitForHeld(1));
  Reader blocking(*cache, kV2, kAllow);
  Event second_done;
  cache->FetchAsync(kV2, kAllow, [&](const absl::StatusOr<SnapshotPtr>&) { second_done.Set(); });
  EXPECT_FALSE(second_done.IsSet());
  slow_->Release();
  EXPECT_TRUE(first_done.Wait());
  EXPECT_TRUE(second_done.Wait());
  EXPECT_THAT(blocking.Names(), ElementsAre("a"));
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
}

TEST_F(CachingBackendConcurrencyTest, AsynchronousCallersNeverRunOnABlockingReadersThread) {
  const auto cache = MakeCache();
  slow_->Hold();
  std::thread::id reader_thread;
  std::thread reader([&] {
    reader_thread = std::this_thread::get_id();
    EXPECT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  });
  EXPECT_TRUE(slow_->WaitForHeld(1));
  Event done;
  std::thread::id callback_thread;
  cache->FetchAsync(kV2, kAllow, [&](const absl::StatusOr<SnapshotPtr>&) {
    callback_thread = std::this_thread::get_id();
    done.Set();
  });
  slow_->Release();
  EXPECT_TRUE(done.Wait());
  reader.join();
  EXPECT_NE(callback_thread, reader_thread);
}

TEST_F(CachingBackendConcurrencyTest, ABlockingReaderRunsALoadThatWaitsForAThread) {
  Executor one{Executor::Options{.threads = 1, .queue_limit = 8}};
  Event busy;
  ASSERT_THAT(one.Submit([&] { EXPECT_TRUE(busy.Wait()); }), IsOk());
  const auto cache = CachingBackend::Make(slow_, TtlOptions(), clock_, one);
  Event done;
  cache->FetchAsync(kV2, kAllow, [&](const absl::StatusOr<SnapshotPtr>&) { done.Set(); });
  EXPECT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  busy.Set();
  EXPECT_TRUE(done.Wait());
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
}

TEST_F(CachingBackendConcurrencyTest, AnExecutorThatRefusesIsTheCallersErrorOrLastGood) {
  Executor full{Executor::Options{.threads = 1, .queue_limit = 0}};
  const auto cache = CachingBackend::Make(slow_, TtlOptions(), clock_, full);
  EXPECT_THAT(FetchAndWait(*cache, kV2), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(cache->Fetch(kV2, kAllow), IsOk());
  EXPECT_THAT(FetchAndWait(*cache, kV2, kBypass), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_TRUE(cache->IsCacheValid(kV2)) << "an overload here says nothing about the source";
  cache->MarkStale(kV2);
  EXPECT_THAT(FetchAndWait(*cache, kV2), IsOk());
  EXPECT_EQ(fake_->fetch_count(kV2), 1u);
}

TEST_F(CachingBackendConcurrencyTest, AnExecutorThatShutsDownAnswersWhoeverStillWaits) {
  Executor one{Executor::Options{.threads = 1, .queue_limit = 8}};
  Event started;
  Event busy;
  ASSERT_THAT(one.Submit([&] {
    started.Set();
    EXPECT_TRUE(busy.Wait());
  }),
              IsOk());
  ASSERT_TRUE(started.Wait());
  auto cache = CachingBackend::Make(slow_, TtlOptions(), clock_, one);
  int answers = 0;
  cache->FetchAsync(kV2, kAllow, [&](const absl::StatusOr<SnapshotPtr>& answer) {
    EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable));
    ++answers;
    busy.Set();
  });
  cache.reset();
  one.Shutdown();
  EXPECT_EQ(answers, 1);
}

TEST_F(CachingBackendConcurrencyTest, InvalidationDuringLoadIsNotLost) {
  const auto cache = MakeCache(Options());
  slow_->Hold();
  Reader reader(*cache, kV2, kAllow);
  ASSERT_TRUE(slow_->WaitForHeld(1));
  fake_->Set(kV2, DocumentJson({"new"}));
  cache->MarkStale(kV2);
  slow_->Release();
  EXPECT_THAT(reader.Names(), ElementsAre("a"));
  EXPECT_TRUE(reader.answer()->stale);
  EXPECT_TRUE(cache->HasCachedData(kV2));
  EXPECT_FALSE(cache->IsCacheValid(kV2));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("new"));
  EXPECT_TRUE(cache->IsCacheValid(kV2));
}

TEST_F(CachingBackendConcurrencyTest, AReadAfterMarkStaleDoesNotShareTheLoadBeforeIt) {
  const auto cache = MakeCache(Options());
  slow_->Hold();
  Reader before(*cache, kV2, kAllow);
  ASSERT_TRUE(slow_->WaitForHeld(1));
  fake_->Set(kV2, DocumentJson({"new"}));
  cache->MarkStale(kV2);
  Reader after(*cache, kV2, kAllow);
  ASSERT_TRUE(slow_->WaitForHeld(2));
  slow_->ReleaseOne(2);
  EXPECT_THAT(after.Names(), ElementsAre("new"));
  slow_->ReleaseOne(1);
  EXPECT_THAT(before.Names(), ElementsAre("new"));
  EXPECT_TRUE(cache->IsCacheValid(kV2));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("new"));
}

TEST_F(CachingBackendConcurrencyTest, ABypassDuringASharedLoadStartsItsOwn) {
  const auto cache = MakeCache();
  slow_->Hold();
  Reader shared(*cache, kV2, kAllow);
  ASSERT_TRUE(slow_->WaitForHeld(1));
  fake_->Set(kV2, DocumentJson({"new"}));
  Reader forced(*cache, kV2, kBypass);
  ASSERT_TRUE(slow_->WaitForHeld(2));
  slow_->ReleaseOne(2);
  EXPECT_THAT(forced.Names(), ElementsAre("new"));
  slow_->Release();
  shared.Names();
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("new"));
  EXPECT_THAT(fake_->fetches(kV2), ElementsAre(kAllow, kBypass));
}

// W-N3: the original records the new mtime for the old content and keeps it until the TTL.
TEST_F(CachingBackendConcurrencyTest, AChangeDuringALoadIsSeenByTheNextRead) {
  const auto cache = MakeCache(ProbeOptions());
  slow_->Hold();
  Reader reader(*cache, kV2, kAllow);
  ASSERT_TRUE(slow_->WaitForHeld(1));
  fake_->Set(kV2, DocumentJson({"new"}));
  slow_->Release();
  EXPECT_THAT(reader.Names(), ElementsAre("a"));
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("new"));
}

TEST_F(CachingBackendConcurrencyTest, AChangeDuringAnAsynchronousLoadIsSeenByTheNextRead) {
  const auto cache = MakeCache(ProbeOptions());
  slow_->Hold();
  Event done;
  cache->FetchAsync(kV2, kAllow, [&](const absl::StatusOr<SnapshotPtr>&) { done.Set(); });
  ASSERT_TRUE(slow_->WaitForHeld(1));
  fake_->Set(kV2, DocumentJson({"new"}));
  slow_->Release();
  ASSERT_TRUE(done.Wait());
  EXPECT_THAT(Names(*cache, kV2), ElementsAre("new"));
}

TEST_F(CachingBackendConcurrencyTest, AForcedReadIsNotBlamedForTheFailureOfAnother) {
  const auto cache = MakeCache();
  slow_->Hold();
  Reader first(*cache, kV2, kBypass);
  ASSERT_TRUE(slow_->WaitForHeld(1));
  Reader second(*cache, kV2, kBypass);
  ASSERT_TRUE(slow_->WaitForHeld(2));
  slow_->ReleaseOne(2);
  EXPECT_THAT(second.Names(), ElementsAre("a"));
  failing_->FailWith(absl::UnavailableError("unplugged"));
  Reader third(*cache, kV2, kBypass);
  ASSERT_TRUE(slow_->WaitForHeld(2));
  slow_->ReleaseOne(3);
  third.Names();
  slow_->ReleaseOne(1);
  EXPECT_THAT(first.Names(), ElementsAre("a"));
  EXPECT_THAT(third.answer()->last_error, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(first.answer()->last_error, IsOk());
}

}  // namespace
}  // namespace modelref

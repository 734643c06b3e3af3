// Everything at once. Meant for ThreadSanitizer, and checks what must hold in every interleaving.

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/caching_backend.h"
#include "tests/backends/caching_backend_fixture.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;

constexpr int kRounds = 400;

class CachingBackendStressTest : public CachingBackendFixture {
 protected:
  void Write(int number) { fake_->Set(kV2, testing::DocumentJson({absl::StrCat(number)})); }

  static int NumberIn(const Snapshot& snapshot) {
    int number = -1;
    EXPECT_TRUE(absl::SimpleAtoi(testing::NamesOf(*snapshot.document).front(), &number));
    return number;
  }

  void DisturbOnce(CachingBackend& cache, int choice) {
    const bool legacy = choice == 3;
    const FetchMode mode = choice % 2 == 0 ? FetchMode::kAllowCaches : FetchMode::kBypassCaches;
    switch (choice) {
      case 0:
      case 1:
        EXPECT_THAT(cache.Fetch(kV2, mode), IsOk());
        break;
      case 2:
      case 3:
        EXPECT_THAT(FetchAndWait(cache, legacy ? kLegacy : kV2, mode), IsOk());
        break;
      case 4:
        cache.MarkStale(kV2);
        break;
      case 5:
        cache.Invalidate(kV2);
        break;
      case 6:
        cache.IsCacheValid(kV2);
        break;
      case 7:
        cache.RefreshAhead(absl::Seconds(30));
        break;
      case 8:
        clock_.Advance(absl::Seconds(20));
        break;
      default:
        cache.SetTtl(absl::Seconds(choice));
        break;
    }
  }
};

TEST_F(CachingBackendStressTest, WhoeverWritesAndMarksReadsItsOwnWrite) {
  const auto cache = MakeCache();
  std::atomic<int> notified{0};
  cache->RegisterInvalidationCallback([&](const DocumentKey& key, StaleCause) {
    ++notified;
    cache->HasCachedData(key);
  });
  Write(0);
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    others.emplace_back([this, seed, &cache, &stop] {
      std::minstd_rand random(seed);
      while (!stop) DisturbOnce(*cache, static_cast<int>(random() % 11));
    });
  }
  for (int number = 1; number <= kRounds; ++number) {
    Write(number);
    cache->MarkStale(kV2);
    const auto answer =
        number % 2 == 0 ? cache->Fetch(kV2, FetchMode::kAllowCaches) : FetchAndWait(*cache, kV2);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(NumberIn(**answer), number);
  }
  stop = true;
  for (std::thread& other : others) other.join();
  executor_.Shutdown();
  EXPECT_GE(notified, kRounds);
}

TEST_F(CachingBackendStressTest, ManyThreadsFindOneExpiryOnce) {
  const auto cache = MakeCache();
  Invalidations invalidations;
  invalidations.Watch(*cache);
  for (size_t round = 1; round <= 50; ++round) {
    ASSERT_THAT(cache->Fetch(kV2, FetchMode::kAllowCaches), IsOk());
    clock_.Advance(absl::Seconds(61));
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([this, i, &cache] {
        switch (i % 3) {
          case 0:
            cache->IsCacheValid(kV2);
            break;
          case 1:
            cache->NeedsRefresh(kV2);
            break;
          default:
            EXPECT_THAT(cache->Fetch(kV2, FetchMode::kAllowCaches), IsOk());
            break;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(invalidations.seen().size(), round);
    EXPECT_EQ(fake_->fetch_count(kV2), round + 1);
  }
}

}  // namespace
}  // namespace modelref

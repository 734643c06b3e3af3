#include "service/derived_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

constexpr size_t kBytesEach = 100;

// Remembers what it was made from, and waits while it is made until told to go on.
struct FakeDerived {
  FakeDerived(const DocumentKey& made_for, const Document& document, const FakeDerived* older)
      : key(made_for),
        records(document.record_count()),
        generation(older == nullptr ? 1 : older->generation + 1) {
    ++made;
    MutexLock lock(&mutex);
    while (blocked) unblocked.Wait(&mutex);
  }
  size_t bytes() const { return kBytesEach; }

  const DocumentKey key;
  const size_t records;
  const int generation;

  static inline std::atomic<int> made = 0;
  static inline Mutex mutex;
  static inline CondVar unblocked;
  static inline bool blocked = false;
};

class DerivedCacheTest : public testing::Test {
 protected:
  DerivedCacheTest() { FakeDerived::made = 0; }

  static DocumentPtr Make(const std::string& name) { return DocumentOf({{name, "{}"}}); }
  static DocumentKey Key(const std::string& category) { return {category, Format::kV2}; }

  static void Block(bool blocked) {
    const MutexLock lock(&FakeDerived::mutex);
    FakeDerived::blocked = blocked;
    FakeDerived::unblocked.SignalAll();
  }
};

TEST_F(DerivedCacheTest, TheSameSnapshotIsDerivedOnce) {
  DerivedCache<FakeDerived> cache(1000);
  const DocumentPtr document = Make("a");
  const auto first = cache.Get(Key("x"), document);
  EXPECT_EQ(cache.Get(Key("x"), document), first);
  EXPECT_EQ(FakeDerived::made, 1);
  EXPECT_EQ(cache.bytes(), kBytesEach);
}

TEST_F(DerivedCacheTest, TheNextSnapshotIsDerivedFromTheLast) {
  DerivedCache<FakeDerived> cache(1000);
  DocumentPtr document = Make("a");
  cache.Get(Key("x"), document);
  document = document->Apply({{"b", RecordOf("b", "{}")}}, 2);
  const auto second = cache.Get(Key("x"), document);
  EXPECT_EQ(second->generation, 2);
  EXPECT_EQ(second->records, 2u);
  EXPECT_EQ(cache.bytes(), kBytesEach);
}

TEST_F(DerivedCacheTest, CategoriesAndFormatsAreKeptApart) {
  DerivedCache<FakeDerived> cache(1000);
  const DocumentPtr document = Make("a");
  EXPECT_EQ(cache.Get({"x", Format::kV2}, document)->generation, 1);
  EXPECT_EQ(cache.Get({"x", Format::kLegacy}, document)->generation, 1);
  EXPECT_EQ(cache.Get({"y", Format::kV2}, document)->generation, 1);
  EXPECT_EQ(FakeDerived::made, 3);
}

TEST_F(DerivedCacheTest, ASnapshotIsNotKeptAliveAndItsAddressMayComeBack) {
  DerivedCache<FakeDerived> cache(1000);
  DocumentPtr document = Make("a");
  const std::weak_ptr<const Document> watched = document;
  cache.Get(Key("x"), document);
  document.reset();
  EXPECT_TRUE(watched.expired());
  for (int i = 0; i < 100; ++i) {
    const DocumentPtr next = DocumentOf({});
    EXPECT_EQ(cache.Get(Key("x"), next)->generation, i + 2);
  }
}

TEST_F(DerivedCacheTest, TheLeastRecentlyUsedGoesFirst) {
  DerivedCache<FakeDerived> cache(2 * kBytesEach);
  const DocumentPtr document = Make("a");
  cache.Get(Key("x"), document);
  cache.Get(Key("y"), document);
  cache.Get(Key("x"), document);
  cache.Get(Key("z"), document);
  EXPECT_EQ(cache.bytes(), 2 * kBytesEach);
  EXPECT_EQ(FakeDerived::made, 3);
  cache.Get(Key("x"), document);
  EXPECT_EQ(FakeDerived::made, 3) << "x was used after y";
  cache.Get(Key("y"), document);
  EXPECT_EQ(FakeDerived::made, 4);
}

TEST_F(DerivedCacheTest, WhatWasJustAskedForStaysWhateverItsSize) {
  DerivedCache<FakeDerived> cache(0);
  const DocumentPtr document = Make("a");
  cache.Get(Key("x"), document);
  cache.Get(Key("x"), document);
  EXPECT_EQ(FakeDerived::made, 1);
  cache.Get(Key("y"), document);
  EXPECT_EQ(cache.bytes(), kBytesEach);
}

TEST_F(DerivedCacheTest, CallersOfOneSnapshotWaitForOneDerivation) {
  DerivedCache<FakeDerived> cache(1000);
  const DocumentPtr document = Make("a");
  Block(true);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(cache.Get(Key("x"), document)->generation, 1); });
  }
  while (FakeDerived::made == 0) std::this_thread::yield();
  Block(false);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(FakeDerived::made, 1);
}

TEST_F(DerivedCacheTest, AnotherDocumentDoesNotWait) {
  DerivedCache<FakeDerived> cache(1000);
  const DocumentPtr document = Make("a");
  const auto ready = cache.Get(Key("y"), document);
  Block(true);
  std::thread slow([&] { cache.Get(Key("x"), document); });
  while (FakeDerived::made < 2) std::this_thread::yield();
  EXPECT_EQ(cache.Get(Key("y"), document), ready);
  Block(false);
  slow.join();
}

TEST_F(DerivedCacheTest, ThreadsWithChangingSnapshotsAlwaysGetTheirOwn) {
  DerivedCache<FakeDerived> cache(3 * kBytesEach);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      DocumentPtr document = Document::Empty();
      for (size_t i = 1; i <= 200; ++i) {
        const std::string name = absl::StrCat(t, " ", i);
        document = document->Apply({{name, RecordOf(name, "{}")}}, i);
        const DocumentKey key = Key(absl::StrCat("c", i % 5));
        const auto derived = cache.Get(key, document);
        EXPECT_EQ(derived->records, i);
        EXPECT_EQ(derived->key, key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(cache.bytes(), 3 * kBytesEach);
}

}  // namespace
}  // namespace modelref

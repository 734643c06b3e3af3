// The rules of a cache that its readers cannot see.

#include "backends/cache_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/testing/fake_backend.h"

namespace modelref {
namespace {

const DocumentKey kKey{"image_generation", Format::kV2};
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(CacheTableTest, KeepsNothingForDocumentsThatCannotBeLoaded) {
  CacheTable table;
  for (int i = 0; i < 100; ++i) {
    const DocumentKey key{"unknown_" + std::to_string(i), Format::kV2};
    table.Mark(key, kNow);
    const CacheLoadPtr load = table.Join(key, nullptr, kNow).load;
    EXPECT_EQ(table.tracked(), 1u);
    EXPECT_EQ(table.Finish(load, absl::NotFoundError("none"), kNow).entry, nullptr);
  }
  EXPECT_EQ(table.Abandon(table.StartBypass(kKey, kNow)), nullptr);
  EXPECT_EQ(table.tracked(), 0u);
  EXPECT_TRUE(table.entries()->empty());
}

TEST(CacheTableTest, AFailureDuringWhichTheDocumentWasMarkedDoesNotPutOffTheNextLoad) {
  CacheTable table;
  const SnapshotPtr snapshot = testing::MakeSnapshot(Format::kV2, "{}");
  table.Finish(table.StartBypass(kKey, kNow), snapshot, kNow);
  const CacheLoadPtr load = table.StartBypass(kKey, kNow);
  table.Mark(kKey, kNow);
  const CacheTable::Outcome outcome = table.Finish(load, absl::UnavailableError("down"), kNow);
  EXPECT_FALSE(outcome.became_stale);
  EXPECT_FALSE(outcome.began_failing);
  EXPECT_TRUE(outcome.entry->last_error.ok());
}

TEST(CacheTableTest, OneSeriesOfFailuresBeginsOnce) {
  CacheTable table;
  const SnapshotPtr snapshot = testing::MakeSnapshot(Format::kV2, "{}");
  table.Finish(table.StartBypass(kKey, kNow), snapshot, kNow);
  const absl::Status down = absl::UnavailableError("down");
  const CacheTable::Outcome first = table.Finish(table.StartBypass(kKey, kNow), down, kNow);
  EXPECT_TRUE(first.began_failing);
  EXPECT_TRUE(first.became_stale);
  const CacheTable::Outcome second = table.Finish(table.StartBypass(kKey, kNow), down, kNow);
  EXPECT_FALSE(second.began_failing);
  EXPECT_FALSE(second.became_stale);
}

TEST(CacheTableTest, AReaderThatCameTooLateToRenewChangesNothing) {
  CacheTable table;
  const SnapshotPtr snapshot = testing::MakeSnapshot(Format::kV2, "{}");
  const CacheEntryPtr seen = table.Finish(table.StartBypass(kKey, kNow), snapshot, kNow).entry;
  table.Mark(kKey, kNow);
  table.RenewIfCurrent(kKey, seen, kNow + absl::Seconds(5));
  EXPECT_TRUE(table.Find(kKey)->stale);
  EXPECT_FALSE(table.MarkIfCurrent(kKey, seen, StaleCause::kTtl, kNow));
  EXPECT_EQ(table.Find(kKey)->cause, StaleCause::kMarked);
}

}  // namespace
}  // namespace modelref

#include "backends/entry_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/document.h"

namespace modelref {
namespace {

std::vector<Entry> MakeEntries(size_t count) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < count; ++i) {
    entries.push_back({MakeRecord(absl::StrCat("model-", i), "{}"), 2 * i, 1});
  }
  return entries;
}

bool Same(const Entry& a, const Entry& b) {
  return a.record == b.record && a.order == b.order && a.mod_revision == b.mod_revision;
}

TEST(EntryListTest, HoldsWhatItWasMadeOfHoweverManyBlocksThatTakes) {
  for (const size_t count : {0, 1, 31, 32, 33, 64, 1000}) {
    const std::vector<Entry> entries = MakeEntries(count);
    const EntryList list(entries);
    ASSERT_EQ(list.size(), count);
    EXPECT_EQ(list.empty(), count == 0);
    EXPECT_TRUE(std::equal(list.begin(), list.end(), entries.begin(), entries.end(), Same));
    if (count == 0) continue;
    EXPECT_TRUE(Same(list.front(), entries.front()));
    EXPECT_TRUE(Same(list.back(), entries.back()));
  }
}

TEST(EntryListTest, IsSearchedLikeAnArray) {
  const EntryList list(MakeEntries(100));
  const auto at = std::partition_point(list.begin(), list.end(),
                                       [](const Entry& entry) { return entry.order < 126; });
  EXPECT_EQ(at - list.begin(), 63);
  EXPECT_EQ(at->order, 126u);
  EXPECT_EQ(std::prev(list.end())->order, 198u);
}

TEST(EntryListTest, AReplacementIsNotSeenInCopiesAndLeavesTheOthersShared) {
  const EntryList before(MakeEntries(100));
  EntryList after = before;
  after.Replace(40, {MakeRecord("model-40", "[]"), 80, 2});
  EXPECT_EQ(before[40].record->json, "{}");
  EXPECT_EQ(after[40].record->json, "[]");
  EXPECT_EQ(after[40].mod_revision, 2u);
  for (size_t i = 0; i < after.size(); ++i) {
    if (i == 40) continue;
    EXPECT_TRUE(Same(before[i], after[i])) << i;
  }
  EXPECT_EQ(&before[0], &after[0]);
  EXPECT_EQ(&before[99], &after[99]);
  EXPECT_NE(&before[41], &after[41]) << "of the block that changed";
}

}  // namespace
}  // namespace modelref

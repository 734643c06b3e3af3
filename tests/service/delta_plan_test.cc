#include "service/delta_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <random>

#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"

namespace modelref::testing {
namespace {

using Records = std::vector<std::pair<std::string, RecordPtr>>;

Records RecordsOf(const Document& document) {
  Records records;
  document.ForEach(
      [&](const Entry& entry) { records.emplace_back(entry.record->name, entry.record); });
  return records;
}

// The copy after the delta: deletes first, then upserts in their places or at the end.
Records Follow(Records copy, const DeltaPlan& plan) {
  if (plan.full) copy.clear();
  const auto find = [&](const std::string& name) {
    return std::find_if(copy.begin(), copy.end(),
                        [&](const auto& one) { return one.first == name; });
  };
  for (const std::string& name : plan.deletes) {
    if (const auto at = find(name); at != copy.end()) copy.erase(at);
  }
  for (const Entry* entry : plan.upserts) {
    if (const auto at = find(entry->record->name); at != copy.end()) {
      at->second = entry->record;
    } else {
      copy.emplace_back(entry->record->name, entry->record);
    }
  }
  return copy;
}

Etag EtagOf(const Records& records) {
  DocumentEtagBuilder builder;
  for (const auto& [name, record] : records) builder.Add(name, record->etag);
  return builder.Finish();
}

class DeltaPlanTest : public ::testing::Test {
 protected:
  static Store::Options Forgetful() {
    Store::Options options;
    options.history_transactions = 4;
    return options;
  }
  DocumentView View() {
    RootPtr root = store_.root();
    const DocumentState* state = root->Find(kClip);
    return {std::move(root), state};
  }

  FakeClock clock_;
  Store store_{{kClip, kImages}, clock_, Forgetful()};
};

TEST_F(DeltaPlanTest, APositionAfterTheViewIsNoBase) {
  CommitTo(store_, Edit(kClip, {Put("a", "1")}));
  Position later = PositionOf(*store_.root());
  ++later.revision;
  EXPECT_TRUE(PlanDelta(store_, View(), later, "").full);
}

TEST_F(DeltaPlanTest, WhateverHappenedTheDeltaLeadsToTheDocument) {
  struct Copy {
    Position position;
    Etag etag;
    Records records;
  };
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  std::deque<Copy> copies;
  size_t deltas = 0;
  for (int i = 0; i < 2'000; ++i) {
    std::vector<RecordChange> steps;
    for (size_t left = 1 + random() % 4; left > 0; --left) {
      const std::string name = absl::StrCat("m", random() % 12);
      steps.push_back(random() % 3 == 0 ? Remove(name) : Put(name, absl::StrCat(random() % 3)));
    }
    CommitTo(store_, Edit(random() % 5 == 0 ? kImages : kClip, std::move(steps)));
    const DocumentView now = View();
    copies.push_back({PositionOf(*now.root), now.document().etag(), RecordsOf(now.document())});
    if (copies.size() > 30) copies.pop_front();
    const Copy& copy = copies[random() % copies.size()];
    const bool knows_etag = random() % 2 == 0;
    const DeltaPlan plan = PlanDelta(store_, now, copy.position,
                                     knows_etag ? AsBytes(copy.etag) : absl::string_view());
    deltas += !plan.full;
    ASSERT_EQ(EtagOf(Follow(copy.records, plan)), now.document().etag())
        << "from " << copy.position.revision << " to " << now.root->revision;
  }
  EXPECT_GT(deltas, 500u);
}

}  // namespace
}  // namespace modelref::testing

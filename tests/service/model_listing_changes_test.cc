// Paging through a document that changes between pages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Json(std::mt19937* random) {
  if ((*random)() % 4 == 0) return "{}";
  return absl::StrCat("{\"parameters\":", (*random)() % 5,
                      ",\"size_on_disk_bytes\":", (*random)() % 7, ",\"tags\":[\"t",
                      (*random)() % 3, "\"]}");
}

class ChangingListingTest : public testing::TestWithParam<int> {
 protected:
  ChangingListingTest() { lister_.request.set_order(static_cast<v1::ModelOrder>(GetParam())); }

  void Fill(int count) {
    std::vector<std::pair<std::string, std::string>> records;
    for (int i = 0; i < count; ++i) {
      records.emplace_back(absl::StrCat("model ", random_() % 1'000'000, " ", i), Json(&random_));
    }
    lister_.document = DocumentOf(records, 1);
  }

  // Updates, deletes, deletes and creates again, creates; touches at most `count` old models.
  void Change(int count) {
    std::vector<RecordChange> changes;
    for (int i = 0; i < count; ++i) {
      const auto& chunks = lister_.document->chunks();
      const auto& entries = chunks[random_() % chunks.size()]->entries;
      const std::string name = entries[random_() % entries.size()].record->name;
      const auto fresh = RecordOf(name, Json(&random_));
      switch (random_() % 4) {
        case 0:
          changes.push_back({name, fresh});
          break;
        case 1:
          changes.push_back({name, nullptr});
          break;
        case 2:
          changes.push_back({name, nullptr});
          changes.push_back({name, fresh});
          break;
        default:
          changes.push_back({name + "+", RecordOf(name + "+", fresh->json)});
      }
      touched_.insert(changes.back().name);
    }
    lister_.Apply(changes);
  }

  std::mt19937 random_{static_cast<unsigned>(GetParam() + 1)};
  Lister lister_;
  std::set<std::string> touched_;
};

TEST_P(ChangingListingTest, ModelsThatStayComeExactlyOnce) {
  Fill(3000);
  const DocumentPtr before = lister_.document;
  std::map<std::string, int> seen;
  int pages = 0;
  do {
    lister_.request.set_page_size(1 + static_cast<int>(random_() % 150));
    for (const std::string& name : lister_.NextNames()) ++seen[name];
    EXPECT_EQ(lister_.last.snapshot_changed(), pages++ > 0);
    EXPECT_EQ(lister_.last.total_matches(), lister_.document->record_count());
    Change(20);
  } while (!lister_.last.next_page_token().empty());
  EXPECT_GT(pages, 10);
  int stayed = 0;
  before->ForEach([&](const Entry& entry) {
    if (touched_.count(entry.record->name) > 0) return;
    ++stayed;
    EXPECT_EQ(seen[entry.record->name], 1) << entry.record->name;
  });
  EXPECT_GT(stayed, 1000);
}

TEST_P(ChangingListingTest, AnIndexMadeFromAnOlderOneEqualsANewOne) {
  Fill(5000);
  lister_.request.set_page_size(1000);
  lister_.request.add_read_mask("etag");
  for (int round = 0; round < 12; ++round) {
    if (round % 3 == 2) lister_.request.mutable_filter()->add_tags_any("t1");
    lister_.request.clear_page_token();
    while (true) {
      const auto page = lister_.List();
      ModelIndexCache fresh(0);
      const auto expected = ListModels(
          lister_.request, {{"image_generation", Format::kV2}, lister_.document, lister_.revision},
          &fresh);
      ASSERT_TRUE(page.ok() && expected.ok());
      ASSERT_EQ(page->SerializeAsString(), expected->SerializeAsString()) << round;
      if (page->next_page_token().empty()) break;
      lister_.request.set_page_token(page->next_page_token());
    }
    lister_.request.clear_filter();
    // From one record to so many that sorting anew is cheaper.
    Change(1 << round);
  }
}

TEST_P(ChangingListingTest, AnUnchangedDocumentDoesNotClaimToHaveChanged) {
  Fill(500);
  lister_.NextNames();
  const auto& first = *lister_.document->chunks().front()->entries.front().record;
  lister_.Apply({{"new", RecordOf("new", "{}")}});
  lister_.NextNames();
  EXPECT_TRUE(lister_.last.snapshot_changed());
  lister_.NextNames();
  EXPECT_FALSE(lister_.last.snapshot_changed());
  lister_.Apply({{first.name, nullptr}});
  lister_.NextNames();
  EXPECT_TRUE(lister_.last.snapshot_changed());
}

INSTANTIATE_TEST_SUITE_P(EveryOrder, ChangingListingTest,
                         testing::Range(0, static_cast<int>(v1::ModelOrder_ARRAYSIZE)));

// Of stored order, whose key is a number that a document may count anew.
class StoredOrderTest : public testing::Test {
 protected:
  StoredOrderTest() {
    lister_.document =
        DocumentOf({{"a", "{}"}, {"b", "{}"}, {"c", "{}"}, {"d", "{}"}, {"e", "{}"}, {"f", "{}"}});
    lister_.request.set_page_size(2);
  }

  // The same records, counted from 0.
  void Renumber() {
    std::vector<RecordPtr> records;
    lister_.document->ForEach([&](const Entry& entry) { records.push_back(entry.record); });
    lister_.document = Document::FromRecords(std::move(records), 9);
  }

  Lister lister_;
};

TEST_F(StoredOrderTest, ContinuesWhereADeletedModelStood) {
  EXPECT_THAT(lister_.NextNames(), ElementsAre("a", "b"));
  lister_.Apply({{"b", nullptr}});
  EXPECT_THAT(lister_.NextNames(), ElementsAre("c", "d"));
}

TEST_F(StoredOrderTest, ContinuesWhereAModelStoodThatMovedToTheEnd) {
  EXPECT_THAT(lister_.NextNames(), ElementsAre("a", "b"));
  lister_.Apply({{"b", nullptr}, {"b", RecordOf("b", "{}")}});
  EXPECT_THAT(lister_.NextNames(), ElementsAre("c", "d"));
  EXPECT_THAT(lister_.NextNames(), ElementsAre("e", "f"));
  EXPECT_THAT(lister_.NextNames(), ElementsAre("b"));
}

TEST_F(StoredOrderTest, ANewNumberingOfTheSameContentIsNoChange) {
  lister_.Apply({{"a", nullptr}, {"c", nullptr}});
  EXPECT_THAT(lister_.NextNames(), ElementsAre("b", "d"));
  Renumber();
  EXPECT_THAT(lister_.NextNames(), ElementsAre("e", "f"));
  EXPECT_FALSE(lister_.last.snapshot_changed());
}

TEST_F(StoredOrderTest, ANewNumberingOfOtherContentContinuesAfterTheLastModel) {
  lister_.Apply({{"a", nullptr}, {"c", nullptr}});
  EXPECT_THAT(lister_.NextNames(), ElementsAre("b", "d"));
  lister_.Apply({{"b", nullptr}, {"g", RecordOf("g", "{}")}});
  Renumber();
  EXPECT_THAT(lister_.NextNames(), ElementsAre("e", "f"));
  EXPECT_TRUE(lister_.last.snapshot_changed());
  EXPECT_THAT(lister_.NextNames(), ElementsAre("g"));
}

TEST_F(StoredOrderTest, ADocumentThatBecameEmptyEndsTheListing) {
  EXPECT_THAT(lister_.NextNames(), ElementsAre("a", "b"));
  lister_.document = Document::Empty();
  EXPECT_THAT(lister_.NextNames(), IsEmpty());
  EXPECT_EQ(lister_.last.next_page_token(), "");
  EXPECT_TRUE(lister_.last.snapshot_changed());
}

TEST(ModRevisionOrderTest, TheSameContentWithOtherRevisionsHasChanged) {
  Lister lister;
  lister.document = DocumentOf({{"a", "{}"}, {"b", "{}"}, {"c", "{}"}}, 1);
  lister.request.set_order(v1::MODEL_ORDER_MOD_REVISION_DESC);
  lister.request.set_page_size(2);
  EXPECT_THAT(lister.NextNames(), ElementsAre("a", "b"));
  lister.Apply({{"c", RecordOf("c", "{\"x\":1}")}});
  lister.Apply({{"c", RecordOf("c", "{}")}});
  EXPECT_THAT(lister.NextNames(), IsEmpty()) << "c moved to the front";
  EXPECT_TRUE(lister.last.snapshot_changed());
}

}  // namespace
}  // namespace modelref

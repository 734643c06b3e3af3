#include "clients/cpp/mirror_document.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/json.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::vector<MirrorRecordPtr> RecordsOf(const Pairs& pairs) {
  std::vector<MirrorRecordPtr> records;
  for (const auto& [name, json] : pairs) records.push_back(MakeMirrorRecord(name, json));
  return records;
}

MirrorDocumentPtr DocumentOf(const Pairs& pairs) {
  absl::StatusOr<MirrorDocumentPtr> document = MirrorDocument::FromRecords(RecordsOf(pairs));
  EXPECT_THAT(document, IsOk());
  return *std::move(document);
}

Etag EtagInOnePass(const Pairs& pairs) {
  DocumentEtagBuilder builder;
  for (const auto& [name, json] : pairs) builder.Add(name, RecordEtag(json));
  return builder.Finish();
}

std::string JsonOf(const Pairs& pairs) {
  std::string json = "{";
  for (const auto& [name, record] : pairs) {
    if (json.size() > 1) json.push_back(',');
    AppendCanonicalString(name, &json);
    absl::StrAppend(&json, ":", record);
  }
  return json + "}";
}

Pairs Numbered(int count) {
  Pairs pairs;
  for (int i = 0; i < count; ++i) pairs.emplace_back(absl::StrCat("model-", i), absl::StrCat(i));
  return pairs;
}

TEST(MirrorDocumentTest, EmptyDocumentHasTheEtagOfNothing) {
  EXPECT_EQ(MirrorDocument::Empty()->etag(), EtagInOnePass({}));
  EXPECT_EQ(MirrorDocument::Empty()->ToJson(), "{}");
  EXPECT_EQ(MirrorDocument::Empty()->Find("x"), nullptr);
}

TEST(MirrorDocumentTest, KeepsOrderAndFindsByName) {
  const Pairs pairs = {{"b", "1"}, {"a\"", "{}"}, {"c", "[2]"}};
  const MirrorDocumentPtr document = DocumentOf(pairs);
  EXPECT_EQ(document->ToJson(), R"({"b":1,"a\"":{},"c":[2]})");
  EXPECT_EQ(document->etag(), EtagInOnePass(pairs));
  EXPECT_EQ(document->record_count(), 3u);
  EXPECT_EQ(document->Find("c")->json, "[2]");
  EXPECT_EQ(document->Find("d"), nullptr);
}

TEST(MirrorDocumentTest, TwoRecordsOfOneNameAreRefused) {
  EXPECT_THAT(MirrorDocument::FromRecords(RecordsOf({{"a", "1"}, {"b", "2"}, {"a", "3"}})),
              HasReason("INTEGRITY_FAILURE"));
}

TEST(MirrorDocumentTest, UpdateKeepsItsPlaceCreateAppendsDeleteAndUpsertMovesToTheEnd) {
  const MirrorDocumentPtr document = DocumentOf({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}});
  EXPECT_EQ(document->Apply({}, RecordsOf({{"b", "9"}}))->ToJson(), R"({"a":1,"b":9,"c":3,"d":4})");
  EXPECT_EQ(document->Apply({}, RecordsOf({{"x", "7"}, {"w", "8"}}))->ToJson(),
            R"({"a":1,"b":2,"c":3,"d":4,"x":7,"w":8})");
  EXPECT_EQ(document->Apply({"b", "c"}, RecordsOf({{"b", "9"}}))->ToJson(),
            R"({"a":1,"d":4,"b":9})");
  EXPECT_EQ(document->Apply({"a", "nobody"}, {})->ToJson(), R"({"b":2,"c":3,"d":4})");
  EXPECT_EQ(document->ToJson(), R"({"a":1,"b":2,"c":3,"d":4})");
}

TEST(MirrorDocumentTest, LastOfTwoUpsertsOfOneNameWinsInTheFirstPlace) {
  const MirrorDocumentPtr document = DocumentOf({{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(
      document->Apply({}, RecordsOf({{"x", "1"}, {"a", "3"}, {"y", "2"}, {"x", "5"}}))->ToJson(),
      R"({"a":3,"b":2,"x":5,"y":2})");
  EXPECT_EQ(document->Apply({}, RecordsOf({{"a", "3"}, {"a", "4"}}))->ToJson(), R"({"a":4,"b":2})");
}

TEST(MirrorDocumentTest, EverythingMayBeDeletedAndFilledAgain) {
  const MirrorDocumentPtr empty = DocumentOf({{"a", "1"}})->Apply({"a"}, {});
  EXPECT_EQ(empty->etag(), EtagInOnePass({}));
  EXPECT_EQ(empty->Apply({}, RecordsOf({{"a", "2"}}))->ToJson(), R"({"a":2})");
}

// A vector that follows the same rules one record at a time.
void ApplyTo(Pairs* pairs, const std::vector<std::string>& deletes, const Pairs& upserts) {
  const auto find = [pairs](const std::string& name) {
    return std::find_if(pairs->begin(), pairs->end(),
                        [&name](const auto& pair) { return pair.first == name; });
  };
  for (const std::string& name : deletes) {
    if (const auto at = find(name); at != pairs->end()) pairs->erase(at);
  }
  for (const auto& upsert : upserts) {
    if (const auto at = find(upsert.first); at != pairs->end()) {
      at->second = upsert.second;
    } else {
      pairs->push_back(upsert);
    }
  }
}

TEST(MirrorDocumentTest, RandomChangesAddUpToTheEtagOfOnePass) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  for (const int size : {0, 3, 300, 5'000}) {
    Pairs pairs = Numbered(size);
    MirrorDocumentPtr document = DocumentOf(pairs);
    for (int round = 0; round < 60; ++round) {
      std::vector<std::string> deletes;
      Pairs upserts;
      const auto name = [&] { return absl::StrCat("model-", random() % (size + 40)); };
      for (uint64_t i = random() % 4; i > 0; --i) deletes.push_back(name());
      for (uint64_t i = random() % 4; i > 0; --i)
        upserts.emplace_back(name(), absl::StrCat(random()));
      ApplyTo(&pairs, deletes, upserts);
      document = document->Apply(deletes, RecordsOf(upserts));
      ASSERT_EQ(document->etag(), EtagInOnePass(pairs));
      ASSERT_EQ(document->record_count(), pairs.size());
    }
    EXPECT_EQ(document->ToJson(), JsonOf(pairs));
    for (const auto& [name, json] : pairs) ASSERT_EQ(document->Find(name)->json, json);
  }
}

TEST(MirrorDocumentTest, ChunksThatAreFullMoveTheirBordersWhenARecordIsDeleted) {
  // Names that end no chunk, so that only the number of records does.
  Pairs pairs;
  for (int i = 0; pairs.size() < 3'500; ++i) {
    std::string name = absl::StrCat("name-", i);
    if (!EndsChunk(name)) pairs.emplace_back(std::move(name), "0");
  }
  const MirrorDocumentPtr document = DocumentOf(pairs);
  ASSERT_EQ(document->etag(), EtagInOnePass(pairs));
  const std::string first = pairs[10].first;
  pairs.erase(pairs.begin() + 10);
  EXPECT_EQ(document->Apply({first}, {})->etag(), EtagInOnePass(pairs));
  pairs.emplace_back(first, "1");
  EXPECT_EQ(document->Apply({first}, RecordsOf({{first, "1"}}))->etag(), EtagInOnePass(pairs));
}

TEST(MirrorDocumentTest, GrowsFromNothingToThousandsOfRecords) {
  MirrorDocumentPtr document = MirrorDocument::Empty();
  const Pairs pairs = Numbered(4'000);
  for (const auto& pair : pairs) document = document->Apply({}, RecordsOf({pair}));
  EXPECT_EQ(document->etag(), EtagInOnePass(pairs));
  for (const auto& [name, json] : pairs) ASSERT_NE(document->Find(name), nullptr);
}

TEST(MirrorDocumentTest, OneChangeOfAHundredThousandRecordsTakesLittleOfWhatThemAllTake) {
  const Pairs pairs = Numbered(100'000);
  const absl::Time begin = MonotonicClock().TimeNow();
  MirrorDocumentPtr document = DocumentOf(pairs);
  const absl::Duration load = MonotonicClock().TimeNow() - begin;
  const absl::Time before = MonotonicClock().TimeNow();
  for (int i = 0; i < 20; ++i) {
    document = document->Apply({}, RecordsOf({{absl::StrCat("model-", i * 4'999), "7"}}));
  }
  const absl::Duration change = (MonotonicClock().TimeNow() - before) / 20;
  EXPECT_LT(change, load / 20) << "load " << load << ", change " << change;
}

}  // namespace
}  // namespace modelref

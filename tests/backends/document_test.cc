#include "backends/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_backend.h"

namespace modelref {
namespace {

using ::modelref::testing::NamesOf;
using ::testing::ElementsAre;

constexpr char kEnder[] = "m554";  // SHA-256 begins with 0x00.
constexpr char kOtherEnder[] = "m578";
constexpr char kNoEnderPrefix[] = "p2102-";  // With 0 to 2499 after it: never.

RecordChange Put(std::string name, std::string json = "{}") {
  RecordPtr record = MakeRecord(name, std::move(json));
  return {std::move(name), std::move(record)};
}

RecordChange Remove(std::string name) { return {std::move(name), nullptr}; }

std::string Plain(size_t i) { return absl::StrCat(kNoEnderPrefix, i); }

DocumentPtr MakeDocument(const std::vector<std::string>& names) {
  std::vector<RecordPtr> records;
  for (const std::string& name : names) records.push_back(MakeRecord(name, "{}"));
  return Document::FromRecords(std::move(records));
}

std::vector<std::string> PlainNames(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(Plain(i));
  return names;
}

std::vector<size_t> ChunkSizes(const Document& document) {
  std::vector<size_t> sizes;
  for (const auto& chunk : document.chunks()) sizes.push_back(chunk->entries.size());
  return sizes;
}

// The one-pass definition, from the records alone.
Etag OnePassEtag(const Document& document) {
  DocumentEtagBuilder builder;
  document.ForEach(
      [&](const Entry& e) { builder.Add(e.record->name, RecordEtag(e.record->json)); });
  return builder.Finish();
}

TEST(DocumentTest, EmptyHasNoChunksAndTheEtagOfNothing) {
  const DocumentPtr document = Document::Empty();
  EXPECT_EQ(document->record_count(), 0u);
  EXPECT_TRUE(document->chunks().empty());
  EXPECT_EQ(document->etag(), Sha256(""));
  EXPECT_EQ(document->ToJson(), "{}");
  EXPECT_EQ(document->size_bytes(), 2u);
  EXPECT_EQ(document->Find("a"), nullptr);
}

TEST(DocumentTest, ApplyingNothingKeepsEtagAndEveryChunk) {
  const DocumentPtr before = MakeDocument({"a", kEnder, "b"});
  const DocumentPtr after = before->Apply({}, 7);
  EXPECT_EQ(after->etag(), before->etag());
  EXPECT_EQ(after->chunks(), before->chunks());
}

TEST(DocumentTest, UpdatesKeepTheirPlaceAndCreatesAreAppendedInOrder) {
  const DocumentPtr before = MakeDocument({"a", "b", "c"});
  const DocumentPtr after = before->Apply({Put("z"), Put("b", R"({"x":1})"), Put("y")}, 7);
  EXPECT_THAT(NamesOf(*after), ElementsAre("a", "b", "c", "z", "y"));
  EXPECT_EQ(after->ToJson(), R"({"a":{},"b":{"x":1},"c":{},"z":{},"y":{}})");
  EXPECT_EQ(after->Find("b")->mod_revision, 7u);
  EXPECT_EQ(after->Find("y")->mod_revision, 7u);
  EXPECT_EQ(after->Find("a")->mod_revision, 0u);
}

TEST(DocumentTest, DeleteAndCreateMovesARecordToTheEnd) {
  const DocumentPtr before = MakeDocument({"a", "b", "c"});
  const DocumentPtr one_batch = before->Apply({Remove("a"), Put("a", R"({"x":1})")}, 1);
  EXPECT_EQ(one_batch->ToJson(), R"({"b":{},"c":{},"a":{"x":1}})");
  const DocumentPtr two_batches =
      before->Apply({Remove("a")}, 1)->Apply({Put("a", R"({"x":1})")}, 2);
  EXPECT_EQ(two_batches->etag(), one_batch->etag());
}

TEST(DocumentTest, StepsOfOneBatchSeeEachOther) {
  const DocumentPtr before = MakeDocument({"a"});
  const DocumentPtr after = before->Apply(
      {Put("n"), Put("n", R"({"v":2})"), Put("gone"), Remove("gone"), Remove("a"), Put("a"),
       Remove("a"), Put("a", R"({"v":3})"), Put("back"), Remove("back"), Put("back")},
      1);
  EXPECT_EQ(after->ToJson(), R"({"n":{"v":2},"a":{"v":3},"back":{}})");
  EXPECT_EQ(after->etag(), OnePassEtag(*after));
  EXPECT_EQ(after->Find("gone"), nullptr);
}

TEST(DocumentTest, DeletingAMissingNameChangesNothing) {
  const DocumentPtr before = MakeDocument({"a"});
  const DocumentPtr after = before->Apply({Remove("nonesuch")}, 9);
  EXPECT_EQ(after->chunks(), before->chunks());
  EXPECT_EQ(after->etag(), before->etag());
}

TEST(DocumentTest, DeletingTheLastRecordGivesTheEmptyDocument) {
  const DocumentPtr after = MakeDocument({"a"})->Apply({Remove("a")}, 9);
  EXPECT_TRUE(after->chunks().empty());
  EXPECT_EQ(after->etag(), Document::Empty()->etag());
  EXPECT_EQ(after->size_bytes(), 2u);
}

TEST(DocumentTest, TheOldDocumentStaysWhatItWas) {
  const DocumentPtr before = MakeDocument({"a", kEnder, "b"});
  const std::string json = before->ToJson();
  const Etag etag = before->etag();
  before->Apply({Put("a", R"({"x":1})"), Remove("b"), Put("c")}, 3);
  EXPECT_EQ(before->ToJson(), json);
  EXPECT_EQ(before->etag(), etag);
  EXPECT_EQ(before->Find("a")->record->json, "{}");
  EXPECT_NE(before->Find("b"), nullptr);
  EXPECT_EQ(before->Find("c"), nullptr);
}

TEST(DocumentTest, AnUpdateSharesEveryOtherChunk) {
  const DocumentPtr before = MakeDocument({"a", kEnder, "b", kOtherEnder, "c"});
  ASSERT_THAT(ChunkSizes(*before), ElementsAre(2, 2, 1));
  const DocumentPtr after = before->Apply({Put("b", R"({"x":1})")}, 1);
  EXPECT_EQ(after->chunks()[0], before->chunks()[0]);
  EXPECT_NE(after->chunks()[1], before->chunks()[1]);
  EXPECT_EQ(after->chunks()[2], before->chunks()[2]);
  EXPECT_EQ(after->etag(), OnePassEtag(*after));
}

TEST(DocumentTest, AnAppendAfterAClosedChunkSharesAllOfThem) {
  const DocumentPtr before = MakeDocument({"a", kEnder, "b", kOtherEnder});
  const DocumentPtr after = before->Apply({Put("c")}, 1);
  ASSERT_THAT(ChunkSizes(*after), ElementsAre(2, 2, 1));
  EXPECT_EQ(after->chunks()[0], before->chunks()[0]);
  EXPECT_EQ(after->chunks()[1], before->chunks()[1]);
  EXPECT_EQ(after->etag(), OnePassEtag(*after));
}

TEST(DocumentTest, DeletingTheRecordThatEndsAChunkJoinsItWithTheNext) {
  const DocumentPtr before = MakeDocument({"a", kEnder, "b", kOtherEnder, "c"});
  const DocumentPtr after = before->Apply({Remove(kEnder)}, 1);
  ASSERT_THAT(ChunkSizes(*after), ElementsAre(3, 1));
  EXPECT_EQ(after->chunks()[1], before->chunks()[2]);
  EXPECT_EQ(after->etag(), MakeDocument({"a", "b", kOtherEnder, "c"})->etag());
}

TEST(DocumentTest, DeletingAWholeChunkSharesTheOthers) {
  const DocumentPtr before = MakeDocument({"a", kEnder, "b", kOtherEnder, "c"});
  const DocumentPtr after = before->Apply({Remove("b"), Remove(kOtherEnder)}, 1);
  ASSERT_THAT(ChunkSizes(*after), ElementsAre(2, 1));
  EXPECT_EQ(after->chunks()[0], before->chunks()[0]);
  EXPECT_EQ(after->chunks()[1], before->chunks()[2]);
}

TEST(DocumentTest, ADeleteShiftsTheChunksOf1024RecordsUpToTheNextEnder) {
  std::vector<std::string> names = PlainNames(2100);
  names.push_back(kEnder);
  names.push_back("a");
  const DocumentPtr before = MakeDocument(names);
  ASSERT_THAT(ChunkSizes(*before), ElementsAre(1024, 1024, 53, 1));
  const DocumentPtr after = before->Apply({Remove(Plain(1030))}, 1);
  ASSERT_THAT(ChunkSizes(*after), ElementsAre(1024, 1024, 52, 1));
  EXPECT_EQ(after->chunks()[0], before->chunks()[0]);
  EXPECT_NE(after->chunks()[1], before->chunks()[1]);
  EXPECT_NE(after->chunks()[2], before->chunks()[2]);
  EXPECT_EQ(after->chunks()[3], before->chunks()[3]);
  EXPECT_EQ(after->etag(), OnePassEtag(*after));
}

TEST(DocumentTest, AppendsFillAChunkUpTo1024RecordsAndOpenAnother) {
  const DocumentPtr at_1023 = MakeDocument(PlainNames(1023));
  const DocumentPtr at_1024 = at_1023->Apply({Put(Plain(1023))}, 1);
  EXPECT_THAT(ChunkSizes(*at_1024), ElementsAre(1024));
  const DocumentPtr at_1025 = at_1024->Apply({Put(Plain(1024))}, 2);
  ASSERT_THAT(ChunkSizes(*at_1025), ElementsAre(1024, 1));
  EXPECT_EQ(at_1025->chunks()[0], at_1024->chunks()[0]);
  EXPECT_EQ(at_1025->etag(), MakeDocument(PlainNames(1025))->etag());
}

TEST(DocumentTest, EveryNameIsFoundWhereTheIndexIsSplitIntoShards) {
  DocumentPtr document = MakeDocument(PlainNames(1020));
  for (size_t i = 1020; i < 1030; ++i) {
    document = document->Apply({Put(Plain(i))}, i);
    for (size_t j = 0; j <= i; ++j) {
      const Entry* entry = document->Find(Plain(j));
      ASSERT_NE(entry, nullptr) << Plain(j) << " of " << i + 1;
      ASSERT_EQ(entry->record->name, Plain(j));
    }
    EXPECT_EQ(document->Find(Plain(i + 1)), nullptr);
  }
  for (size_t i = 0; i < 1030; ++i) document = document->Apply({Remove(Plain(i))}, 2000 + i);
  EXPECT_EQ(document->record_count(), 0u);
  EXPECT_EQ(document->Find(Plain(0)), nullptr);
  EXPECT_EQ(document->Apply({Put("a")}, 1)->Find("a")->record->name, "a");
}

TEST(DocumentTest, WithRevisionStampsEveryEntryAndKeepsTheContent) {
  const DocumentPtr before = MakeDocument({"a", kEnder, "b"})->Apply({Put("a", R"({"x":1})")}, 3);
  const DocumentPtr after = before->WithRevision(42);
  after->ForEach([](const Entry& entry) { EXPECT_EQ(entry.mod_revision, 42u); });
  for (const char* name : {"a", kEnder, "b"}) EXPECT_EQ(after->Find(name)->mod_revision, 42u);
  EXPECT_EQ(after->etag(), before->etag());
  EXPECT_EQ(after->ToJson(), before->ToJson());
  EXPECT_EQ(after->size_bytes(), before->size_bytes());
  EXPECT_EQ(before->Find("a")->mod_revision, 3u);
  EXPECT_EQ(before->Find("b")->mod_revision, 0u);
}

TEST(DocumentTest, ChangesAfterWithRevisionKeepOrderAndIndexRight) {
  const DocumentPtr document = MakeDocument({"a", kEnder, "b"})
                                   ->WithRevision(5)
                                   ->Apply({Remove(kEnder), Put("b", R"({"x":1})"), Put("c")}, 6);
  EXPECT_EQ(document->ToJson(), R"({"a":{},"b":{"x":1},"c":{}})");
  EXPECT_EQ(document->etag(), OnePassEtag(*document));
  EXPECT_EQ(document->Find("a")->mod_revision, 5u);
  EXPECT_EQ(document->Find("b")->mod_revision, 6u);
}

TEST(DocumentTest, SizeCountsEscapesInNames) {
  const DocumentPtr document = MakeDocument({"say \"hi\"", "a\\b", "ViT-L/14", "caf\xC3\xA9"});
  EXPECT_EQ(document->ToJson(),
            "{\"say \\\"hi\\\"\":{},\"a\\\\b\":{},\"ViT-L/14\":{},\"caf\xC3\xA9\":{}}");
  EXPECT_EQ(document->size_bytes(), document->ToJson().size());
}

TEST(DocumentTest, FromRecordsStampsTheRevisionItIsGiven) {
  const DocumentPtr document = Document::FromRecords({MakeRecord("a", "{}")}, 11);
  EXPECT_EQ(document->Find("a")->mod_revision, 11u);
}

}  // namespace
}  // namespace modelref

#include "clients/cpp/document_parts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/clients/sample_document.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::SampleDocument;
using ::modelref::testing::StatusIs;
using ::modelref::testing::ThreeModels;

v1::RecordBatch BatchOf(std::vector<v1::Record> records) {
  v1::RecordBatch batch;
  for (v1::Record& record : records) *batch.add_records() = std::move(record);
  return batch;
}

// The record in two pieces, cut at `at`.
std::pair<v1::Record, v1::Record> Cut(const v1::Record& whole, size_t at) {
  v1::Record first = whole;
  first.set_json(whole.json().substr(0, at));
  first.set_continues(true);
  v1::Record second = whole;
  second.set_json(whole.json().substr(at));
  return {first, second};
}

TEST(RecordJoinerTest, JoinsPiecesOverBatches) {
  const v1::Record whole = ThreeModels().record(2);
  const auto [first, second] = Cut(whole, 5);
  RecordJoiner joiner(1000);
  std::vector<v1::Record> records;
  ASSERT_THAT(joiner.Add(BatchOf({ThreeModels().record(0), first}), &records), IsOk());
  EXPECT_EQ(records.size(), 1u);
  EXPECT_TRUE(joiner.incomplete());
  ASSERT_THAT(joiner.Add(BatchOf({second, ThreeModels().record(1)}), &records), IsOk());
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1].json(), whole.json());
  EXPECT_FALSE(joiner.incomplete());
}

TEST(RecordJoinerTest, RecordThatWasChangedOnTheWayIsNoticed) {
  v1::Record record = ThreeModels().record(0);
  record.mutable_json()->back() = ']';
  RecordJoiner joiner(1000);
  std::vector<v1::Record> records;
  EXPECT_THAT(joiner.Add(BatchOf({record}), &records), HasReason(kIntegrityFailure));
  EXPECT_TRUE(records.empty());
}

TEST(RecordJoinerTest, PieceOfAnotherRecordIsNoticed) {
  const auto [first, second] = Cut(ThreeModels().record(2), 5);
  RecordJoiner joiner(1000);
  std::vector<v1::Record> records;
  EXPECT_THAT(joiner.Add(BatchOf({first, ThreeModels().record(0)}), &records),
              HasReason(kIntegrityFailure));
}

TEST(RecordJoinerTest, RecordAboveTheLimitIsRefused) {
  const auto [first, second] = Cut(ThreeModels().record(2), 5);
  RecordJoiner joiner(8);
  std::vector<v1::Record> records;
  EXPECT_THAT(joiner.Add(BatchOf({first, second}), &records),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(DocumentVerifierTest, AcceptsTheWholeDocumentOnly) {
  const SampleDocument document = ThreeModels();
  DocumentVerifier whole(false);
  for (size_t i = 0; i < 3; ++i) whole.AddRecord(document.record(i));
  EXPECT_THAT(whole.Finish(document.header(), document.end()), IsOk());
  DocumentVerifier swapped(false);
  for (size_t i : {1, 0, 2}) swapped.AddRecord(document.record(i));
  EXPECT_THAT(swapped.Finish(document.header(), document.end()), HasReason(kIntegrityFailure));
  DocumentVerifier partial(false);
  for (size_t i : {0, 1}) partial.AddRecord(document.record(i));
  EXPECT_THAT(partial.Finish(document.header(), document.end()), HasReason(kIntegrityFailure));
}

TEST(DocumentVerifierTest, EndWithAnotherEtagIsNoticed) {
  const SampleDocument document = ThreeModels();
  DocumentVerifier verifier(false);
  for (size_t i = 0; i < 3; ++i) verifier.AddRecord(document.record(i));
  v1::CategoryEnd end = document.end();
  end.set_etag(std::string(32, 'x'));
  EXPECT_THAT(verifier.Finish(document.header(), end), HasReason(kIntegrityFailure));
}

TEST(VerifyDocumentTest, RecomputesTheEtagFromTheText) {
  const SampleDocument document = ThreeModels();
  EXPECT_THAT(VerifyDocument(document.json(), document.etag()), IsOk());
  std::string damaged = document.json();
  damaged[damaged.find("1.50") + 2] = '6';
  EXPECT_THAT(VerifyDocument(damaged, document.etag()), HasReason(kIntegrityFailure));
  EXPECT_THAT(VerifyDocument("not json", document.etag()), HasReason(kIntegrityFailure));
}

TEST(VerifyDocumentTest, EmptyDocumentHasTheEtagOfNothing) {
  EXPECT_THAT(VerifyDocument("{}", AsBytes(Sha256(""))), IsOk());
}

}  // namespace
}  // namespace modelref

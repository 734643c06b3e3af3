#include "clients/cpp/delta_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/clients/cpp/fake_source.h"
#include "tests/clients/sample_document.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::FakeSource;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::ThreeModels;

using Part = v1::GetDeltaResponse;

Part HeaderPart(bool full = false) {
  Part part;
  part.mutable_header()->set_revision(7);
  part.mutable_delta_header()->set_mod_revision(5);
  part.mutable_delta_header()->set_etag("etag");
  part.mutable_delta_header()->set_full(full);
  return part;
}

Part RecordPart(size_t index) {
  Part part;
  *part.mutable_upserts()->add_records() = ThreeModels().record(index);
  return part;
}

Part DeletePart(const std::string& name) {
  Part part;
  part.mutable_deletes()->add_names(name);
  return part;
}

Part EndPart(const std::string& etag = "etag") {
  Part part;
  part.mutable_category_end()->set_etag(etag);
  return part;
}

// The first half of record 0; the second is in the next part.
std::pair<Part, Part> SplitRecord() {
  Part first = RecordPart(0);
  Part second = RecordPart(0);
  v1::Record* begin = first.mutable_upserts()->mutable_records(0);
  v1::Record* rest = second.mutable_upserts()->mutable_records(0);
  rest->set_json(begin->json().substr(4));
  begin->set_json(begin->json().substr(0, 4));
  begin->set_continues(true);
  return {first, second};
}

absl::StatusOr<FetchedDelta> Read(std::vector<Part> parts, absl::Status end = absl::OkStatus(),
                                  size_t max_bytes = 1 << 20) {
  FakeSource<Part> source(std::move(parts), std::move(end));
  DeltaReader reader(max_bytes, 1 << 20);
  const absl::Status status = reader.Run(source);
  if (!status.ok()) return status;
  return std::move(reader).Take();
}

TEST(DeltaReaderTest, PutsPartsTogetherInAnyOrderOfTheirKinds) {
  const auto [first, second] = SplitRecord();
  ASSERT_OK_AND_ASSIGN(const FetchedDelta delta,
                       Read({HeaderPart(), RecordPart(1), first, second, DeletePart("x"),
                             DeletePart("y"), EndPart()}));
  EXPECT_EQ(delta.header.revision(), 7u);
  EXPECT_EQ(delta.mod_revision, 5u);
  EXPECT_EQ(delta.etag, "etag");
  EXPECT_FALSE(delta.full);
  EXPECT_EQ(delta.deletes, (std::vector<std::string>{"x", "y"}));
  ASSERT_EQ(delta.upserts.size(), 2u);
  EXPECT_EQ(delta.upserts[1].json(), ThreeModels().record(0).json());
}

TEST(DeltaReaderTest, NothingChangedIsAHeaderAndAnEnd) {
  ASSERT_OK_AND_ASSIGN(const FetchedDelta delta, Read({HeaderPart(), EndPart()}));
  EXPECT_TRUE(delta.upserts.empty());
  EXPECT_TRUE(delta.deletes.empty());
}

TEST(DeltaReaderTest, WholeDocumentIsMarkedAsSuch) {
  ASSERT_OK_AND_ASSIGN(const FetchedDelta delta,
                       Read({HeaderPart(true), RecordPart(0), EndPart()}));
  EXPECT_TRUE(delta.full);
}

TEST(DeltaReaderTest, PartsThatDoNotFitAreRefused) {
  Part damaged = RecordPart(0);
  damaged.mutable_upserts()->mutable_records(0)->set_json("{}");
  for (const std::vector<Part>& parts :
       std::vector<std::vector<Part>>{{EndPart()},
                                      {HeaderPart(), HeaderPart(), EndPart()},
                                      {HeaderPart(), EndPart("other")},
                                      {HeaderPart(), EndPart(), DeletePart("x")},
                                      {HeaderPart(), Part(), EndPart()},
                                      {HeaderPart(), damaged, EndPart()},
                                      {HeaderPart(), SplitRecord().first, EndPart()}}) {
    EXPECT_THAT(Read(parts), HasReason(kIntegrityFailure));
  }
}

TEST(DeltaReaderTest, StreamThatBreaksCanBeAskedForAgain) {
  EXPECT_THAT(Read({HeaderPart(), RecordPart(0)}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Read({HeaderPart()}, absl::CancelledError("slow")),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Read({}, absl::NotFoundError("no such category")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(DeltaReaderTest, TooMuchIsRefused) {
  EXPECT_THAT(Read({HeaderPart(), RecordPart(0), EndPart()}, absl::OkStatus(), 10),
              HasReason("DOCUMENT_TOO_LARGE"));
  EXPECT_THAT(
      Read({HeaderPart(), DeletePart(std::string(11, 'x')), EndPart()}, absl::OkStatus(), 10),
      HasReason("DOCUMENT_TOO_LARGE"));
}

}  // namespace
}  // namespace modelref

#include "clients/cpp/category_transfer.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "backends/base/digest.h"
#include "tests/clients/cpp/fake_source.h"
#include "tests/clients/sample_document.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::FakeClock;
using ::modelref::testing::FakeSource;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::SampleDocument;
using ::modelref::testing::StatusIs;
using ::modelref::testing::ThreeModels;
using Part = v1::StreamCategoryResponse;

// Hands out the prepared calls in order and remembers the requests.
class CategoryTransferTest : public ::testing::Test {
 protected:
  void AddCall(std::vector<Part> parts, absl::Status end = absl::OkStatus()) {
    calls_.push_back(std::make_unique<FakeSource<Part>>(std::move(parts), std::move(end)));
  }
  std::unique_ptr<CategoryTransfer> MakeTransfer(v1::StreamCategoryRequest request = {}) {
    RetryOptions options;
    options.wait = [](absl::Duration) {};
    retrier_ = std::make_unique<Retrier>(options, clock_);
    return std::make_unique<CategoryTransfer>(
        std::move(request),
        [this](const v1::StreamCategoryRequest& sent) {
          requests_.push_back(sent);
          std::unique_ptr<MessageSource<Part>> call = std::move(calls_.front());
          calls_.pop_front();
          return call;
        },
        absl::InfiniteFuture(), 1 << 20, *retrier_);
  }
  // Names of all records, then how the transfer ended.
  static std::pair<std::vector<std::string>, absl::Status> ReadAll(CategoryTransfer& transfer) {
    std::vector<std::string> names;
    v1::Record record;
    for (;;) {
      const absl::StatusOr<bool> more = transfer.NextRecord(&record);
      if (!more.ok() || !*more) return {names, more.status()};
      names.push_back(record.name());
    }
  }

  FakeClock clock_;
  std::unique_ptr<Retrier> retrier_;
  std::deque<std::unique_ptr<MessageSource<Part>>> calls_;
  std::vector<v1::StreamCategoryRequest> requests_;
  const SampleDocument document_ = ThreeModels();
  const std::vector<std::string> all_names_ = {"alpha", "be\"ta", "gamma/δ"};
};

// The first `count` parts of a stream.
std::vector<Part> First(std::vector<Part> parts, size_t count) {
  parts.resize(count);
  return parts;
}

TEST_F(CategoryTransferTest, ReadsAndVerifiesAWholeDocument) {
  AddCall(document_.Parts());
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  EXPECT_EQ(transfer->header().record_count(), 3u);
  EXPECT_EQ(transfer->response_header().revision(), 102u);
  const auto [names, status] = ReadAll(*transfer);
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(names, all_names_);
}

TEST_F(CategoryTransferTest, BrokenTransferGoesOnBehindTheLastWholeRecord) {
  AddCall(First(document_.Parts(), 3), absl::UnavailableError("connection reset"));
  AddCall(document_.Parts(2));
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  const auto [names, status] = ReadAll(*transfer);
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(names, all_names_);
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(requests_[1].start_after(), "be\"ta");
  EXPECT_EQ(requests_[1].if_etag(), document_.etag());
}

TEST_F(CategoryTransferTest, StreamThatEndsWithoutItsEndIsResumed) {
  AddCall(First(document_.Parts(), 3), absl::OkStatus());
  AddCall(document_.Parts(2));
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  EXPECT_THAT(ReadAll(*transfer).second, IsOk());
}

TEST_F(CategoryTransferTest, PieceOfARecordBeforeTheBreakIsForgotten) {
  std::vector<Part> parts = First(document_.Parts(), 3);
  v1::Record* piece = parts[2].mutable_record_batch()->mutable_records(0);
  piece->mutable_json()->resize(4);
  piece->set_continues(true);
  AddCall(parts, absl::UnavailableError("gone"));
  AddCall(document_.Parts(1));
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  const auto [names, status] = ReadAll(*transfer);
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(names, all_names_);
  EXPECT_EQ(requests_[1].start_after(), "alpha");
}

TEST_F(CategoryTransferTest, DocumentThatChangedMeanwhileEndsTheTransfer) {
  AddCall(First(document_.Parts(), 2), absl::UnavailableError("gone"));
  using Records = std::vector<std::pair<std::string, std::string>>;
  AddCall(SampleDocument(Records{{"other", "{}"}}).Parts());
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  const auto [names, status] = ReadAll(*transfer);
  EXPECT_EQ(names, (std::vector<std::string>{"alpha"}));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(status, HasReason("ETAG_MISMATCH"));
  v1::Record record;
  EXPECT_THAT(transfer->NextRecord(&record), HasReason("ETAG_MISMATCH"));
}

TEST_F(CategoryTransferTest, GivesUpWhenTheServerStaysAway) {
  AddCall(First(document_.Parts(), 2), absl::UnavailableError("gone"));
  for (int i = 0; i < 3; ++i) AddCall({}, absl::UnavailableError("still gone"));
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  EXPECT_THAT(ReadAll(*transfer).second, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(requests_.size(), 4u);
}

TEST_F(CategoryTransferTest, MissingRecordIsNoticedAtTheEnd) {
  std::vector<Part> parts = document_.Parts();
  parts.erase(parts.begin() + 2);
  AddCall(parts);
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  EXPECT_THAT(ReadAll(*transfer).second, HasReason(kIntegrityFailure));
}

TEST_F(CategoryTransferTest, ErrorBeforeTheHeaderIsTheCallersError) {
  AddCall({}, absl::NotFoundError("no such category"));
  EXPECT_THAT(MakeTransfer()->Open(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CategoryTransferTest, NothingFollowsAnUnmodifiedHeader) {
  std::vector<Part> parts = First(document_.Parts(), 1);
  parts[0].mutable_category_header()->set_not_modified(true);
  *parts.emplace_back().mutable_category_end() = document_.end();
  AddCall(parts);
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  v1::Record record;
  EXPECT_THAT(transfer->NextRecord(&record), IsOkAndHolds(false));
}

TEST_F(CategoryTransferTest, CancelledTransferSaysSoAndIsNotResumed) {
  AddCall(document_.Parts());
  const auto transfer = MakeTransfer();
  ASSERT_THAT(transfer->Open(), IsOk());
  transfer->Cancel();
  EXPECT_THAT(ReadAll(*transfer).second, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(CategoryTransferTest, TransferFromTheMiddleCannotVerifyTheWhole) {
  AddCall(document_.Parts(1));
  v1::StreamCategoryRequest request;
  request.set_start_after("alpha");
  const auto transfer = MakeTransfer(request);
  ASSERT_THAT(transfer->Open(), IsOk());
  const auto [names, status] = ReadAll(*transfer);
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(names.size(), 2u);
}

// A source text in chunks of four bytes.
std::vector<Part> TextParts(const std::string& text) {
  std::vector<Part> parts(1);
  const std::string etag(AsBytes(Sha256(text)));
  parts[0].mutable_category_header()->set_etag(etag);
  for (size_t i = 0; i < text.size(); i += 4) {
    parts.emplace_back().mutable_raw_chunk()->set_data(text.substr(i, 4));
  }
  parts.emplace_back().mutable_category_end()->set_etag(etag);
  return parts;
}

TEST_F(CategoryTransferTest, BrokenTextIsReadAgainWithoutRepeatingBytes) {
  const std::string text = "{\r\n  \"a\": 1\r\n}\r\n";
  AddCall(First(TextParts(text), 3), absl::UnavailableError("gone"));
  AddCall(TextParts(text));
  v1::StreamCategoryRequest request;
  request.set_representation(v1::REPRESENTATION_SOURCE_TEXT);
  const auto transfer = MakeTransfer(request);
  ASSERT_THAT(transfer->Open(), IsOk());
  std::string all;
  std::string bytes;
  for (;;) {
    ASSERT_OK_AND_ASSIGN(const bool more, transfer->NextBytes(&bytes));
    if (!more) break;
    all += bytes;
  }
  EXPECT_EQ(all, text);
  EXPECT_TRUE(requests_[1].start_after().empty());
}

}  // namespace
}  // namespace modelref

// How a real modelrefd sends documents that are large or damaged.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "grpcpp/grpcpp.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::Models;
using ::modelref::testing::ServerChild;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

constexpr size_t kPartBytes = 256 << 10;

// The parts of one transfer, as they come.
absl::StatusOr<std::vector<v1::StreamCategoryResponse>> Parts(
    const std::string& address, const v1::StreamCategoryRequest& request) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kPartBytes));
  const auto stub = v1::ReferenceService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  const auto reader = stub->StreamCategory(&context, request);
  std::vector<v1::StreamCategoryResponse> parts;
  v1::StreamCategoryResponse part;
  while (reader->Read(&part)) parts.push_back(part);
  const grpc::Status status = reader->Finish();
  if (status.ok()) return parts;
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

std::vector<v1::Record> RecordsOf(const std::vector<v1::StreamCategoryResponse>& parts) {
  std::vector<v1::Record> records;
  for (const v1::StreamCategoryResponse& part : parts) {
    for (const v1::Record& record : part.record_batch().records()) records.push_back(record);
  }
  return records;
}

class LargeCategoryTest : public ::testing::Test {
 protected:
  LargeCategoryTest() {
    data_.Write("clip.json", Models(1, 2'600, std::string(2'000, 'd')));
    request_.set_category("clip");
    server_ = std::make_unique<ServerChild>(data_.path());
  }

  TempDir data_;
  v1::StreamCategoryRequest request_;
  std::unique_ptr<ServerChild> server_;
};

TEST_F(LargeCategoryTest, FiveMegabytesAreOnlyStreamed) {
  const auto response = server_->Get("clip");
  EXPECT_THAT(response, HasReason("USE_STREAM_CATEGORY"));
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kResourceExhausted));
  v1::GetCategoryRequest request;
  request.set_category("clip");
  ASSERT_OK_AND_ASSIGN(const auto fetched, server_->client().FetchCategory(request));
  EXPECT_GT(fetched.content.size(), 5'000'000);
  ASSERT_OK_AND_ASSIGN(const Json file, ParseJson(data_.Read("clip.json")));
  EXPECT_TRUE(fetched.content == CanonicalJson(file));
}

TEST_F(LargeCategoryTest, PartsAreSmallAndOfOneState) {
  ASSERT_OK_AND_ASSIGN(const auto parts, Parts(server_->address(), request_));
  ASSERT_GE(parts.size(), 20);
  for (const auto& part : parts) {
    EXPECT_LE(part.ByteSizeLong(), kPartBytes);
    EXPECT_EQ(part.header().revision(), parts.front().header().revision());
  }
  ASSERT_TRUE(parts.front().has_category_header());
  EXPECT_EQ(parts.front().category_header().record_count(), 2'600);
  ASSERT_TRUE(parts.back().has_category_end());
  EXPECT_EQ(parts.back().category_end().record_count(), 2'600);
  EXPECT_EQ(parts.back().category_end().etag(), parts.front().category_header().etag());
  EXPECT_EQ(RecordsOf(parts).size(), 2'600);
}

TEST_F(LargeCategoryTest, TransferGoesOnAfterAModel) {
  ASSERT_OK_AND_ASSIGN(const auto all, Parts(server_->address(), request_));
  request_.set_start_after("model-2500");
  request_.set_if_etag(all.front().category_header().etag());
  ASSERT_OK_AND_ASSIGN(const auto rest, Parts(server_->address(), request_));
  const std::vector<v1::Record> records = RecordsOf(rest);
  ASSERT_EQ(records.size(), 100);
  EXPECT_EQ(records.front().name(), "model-2501");
  EXPECT_EQ(records.back().name(), "model-2600");
  EXPECT_EQ(rest.back().category_end().record_count(), 100);

  request_.set_if_etag(std::string(32, 'x'));
  EXPECT_THAT(Parts(server_->address(), request_), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(server_->client().StreamCategory(request_), HasReason("ETAG_MISMATCH"));
}

TEST(ServerStreamTest, LargeRecordIsSplit) {
  TempDir data;
  data.Write("clip.json", absl::StrCat(R"({"small":{"a":1},"large":{"a":")",
                                       std::string(900 << 10, 'x'), R"("},"last":{"b":2}})"));
  ServerChild server(data.path());
  v1::StreamCategoryRequest request;
  request.set_category("clip");
  ASSERT_OK_AND_ASSIGN(const auto parts, Parts(server.address(), request));
  std::string large;
  int pieces = 0;
  const std::vector<v1::Record> records = RecordsOf(parts);
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].name() != "large") {
      EXPECT_FALSE(records[i].continues());
      continue;
    }
    large += records[i].json();
    ++pieces;
    EXPECT_EQ(records[i].continues(), i + 1 < records.size() && records[i + 1].name() == "large");
  }
  EXPECT_GE(pieces, 4);
  EXPECT_EQ(large, absl::StrCat(R"({"a":")", std::string(900 << 10, 'x'), R"("})"));
  EXPECT_EQ(records.front().name(), "small");
  EXPECT_EQ(records.back().name(), "last");
}

TEST(ServerStreamTest, AllCategoriesHaveAStatusEachWithOneDamaged) {
  TempDir data;
  data.Write("clip.json", Models(1, 3));
  data.Write("blip.json", "{ this is no JSON");
  ServerChild server(data.path());
  ASSERT_OK_AND_ASSIGN(const auto list,
                       server.client().ListCategories(v1::ListCategoriesRequest()));
  ASSERT_OK_AND_ASSIGN(const auto all,
                       server.client().FetchAllCategories(v1::FetchAllCategoriesRequest()));
  EXPECT_EQ(all.documents.size(), static_cast<size_t>(list.categories_size()));
  for (const v1::CategorySummary& summary : list.categories()) {
    const auto found = all.documents.find(summary.category());
    ASSERT_NE(found, all.documents.end()) << summary.category();
    EXPECT_EQ(summary.damaged(), summary.category() == "blip") << summary.category();
    EXPECT_EQ(found->second.ok(), !summary.damaged()) << found->second.status();
  }
  EXPECT_THAT(all.documents.at("blip"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(all.documents.at("blip"), HasReason("DOCUMENT_DAMAGED"));
  ASSERT_OK_AND_ASSIGN(const Json clip, ParseJson(data.Read("clip.json")));
  EXPECT_EQ(all.documents.at("clip")->content, CanonicalJson(clip));
}

}  // namespace
}  // namespace modelref

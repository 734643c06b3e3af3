// GetCategory in gzip, over a real server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/service/service_fixture.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

class GzipAnswersTest : public ::testing::Test {
 protected:
  static ServiceFixture::Options From(size_t min_bytes) {
    ServiceFixture::Options options;
    options.gzip.min_bytes = min_bytes;
    return options;
  }
  void Start(size_t min_bytes) {
    server_ = std::make_unique<ServiceFixture>(From(min_bytes));
    server_->Put("a", std::string(50'000, '1'));
  }
  v1::GetCategoryResponse GetFrom(v1::ReferenceService::Stub& stub, const std::string& known = "") {
    v1::GetCategoryRequest request;
    request.set_category("clip");
    request.set_if_none_match(known);
    grpc::ClientContext context;
    v1::GetCategoryResponse response;
    EXPECT_THAT(FromGrpcStatus(stub.GetCategory(&context, request, &response)), IsOk());
    return response;
  }
  v1::GetCategoryResponse Get() { return GetFrom(server_->reference()); }
  uint64_t BytesSent() {
    for (const MethodStats& method : server_->server()->Stats().methods) {
      if (method.method == "/modelref.v1.ReferenceService/GetCategory") return method.bytes_sent;
    }
    return 0;
  }
  // Of the next answer, as the server sends it.
  uint64_t SentFor(const std::function<void()>& call) {
    const uint64_t before = BytesSent();
    call();
    return BytesSent() - before;
  }
  bool BecomesSmall() {
    return Eventually([&] { return SentFor([&] { Get(); }) < 5'000; });
  }

  std::unique_ptr<ServiceFixture> server_;
};

TEST_F(GzipAnswersTest, ALargeAnswerIsCompressedForThoseWhoComeLater) {
  Start(10'000);
  const std::string first = Get().json();
  EXPECT_EQ(first.size(), 50'000 + absl::string_view(R"({"a":{"v":""}})").size())
      << first.substr(0, 20);
  ASSERT_TRUE(BecomesSmall());
  EXPECT_EQ(Get().json(), first);
}

TEST_F(GzipAnswersTest, EveryContentIsCompressedAnew) {
  Start(10'000);
  ASSERT_TRUE(BecomesSmall());
  const uint64_t revision = server_->Put("b", std::string(20'000, '2'));
  ASSERT_TRUE(BecomesSmall());
  const v1::GetCategoryResponse answer = Get();
  EXPECT_EQ(answer.mod_revision(), revision);
  EXPECT_THAT(answer.json(), ::testing::HasSubstr("2222"));
  EXPECT_EQ(answer.etag(), server_->Etag());
}

TEST_F(GzipAnswersTest, ACallerThatDoesNotAcceptGzipGetsPlainBytes) {
  Start(10'000);
  ASSERT_TRUE(BecomesSmall());
  grpc::ChannelArguments arguments;
  constexpr int kIdentityOnly = 1;
  arguments.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, kIdentityOnly);
  const auto stub = v1::ReferenceService::NewStub(grpc::CreateCustomChannel(
      server_->server()->addresses().front(), grpc::InsecureChannelCredentials(), arguments));
  std::string json;
  EXPECT_GT(SentFor([&] { json = GetFrom(*stub).json(); }), 50'000u);
  EXPECT_EQ(json, Get().json());
}

TEST_F(GzipAnswersTest, SmallAnswersAndNotModifiedStayAsTheyAre) {
  Start(60'000);
  for (int i = 0; i < 20; ++i) EXPECT_GT(SentFor([&] { Get(); }), 50'000u);
  Start(10'000);
  ASSERT_TRUE(BecomesSmall());
  EXPECT_TRUE(GetFrom(server_->reference(), server_->Etag()).has_not_modified());
}

TEST_F(GzipAnswersTest, ZeroSwitchesItOff) {
  Start(0);
  for (int i = 0; i < 20; ++i) EXPECT_GT(SentFor([&] { Get(); }), 50'000u);
}

}  // namespace
}  // namespace modelref::testing

// Writes that are repeated with the same request id.

#include <gmock/gmock.h>

#include <thread>

#include "service/write/request_ledger.h"
#include "tests/service/write_calls.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {
namespace {

constexpr char kUuid[] = "0b6bb1c8-4d2c-4d67-9a54-5d1f0f2a1b77";

v1::PutModelRequest Request(const std::string& json, const std::string& id = kUuid) {
  v1::PutModelRequest request = PutRequest("clip", "a", json);
  request.mutable_options()->set_request_id(id);
  return request;
}

class WriteRequestsTest : public ::testing::Test {
 protected:
  void Start() {
    calls_.reset();
    server_.reset();
    ServiceFixture::Options options;
    options.store.directory = dir_.path();
    server_.emplace(options);
    calls_.emplace(*server_);
  }

  TempDir dir_;
  std::optional<ServiceFixture> server_;
  std::optional<WriteCalls> calls_;
};

TEST_F(WriteRequestsTest, TheCauseForTheTrailIsNotPartOfTheCall) {
  Start();
  v1::PutModelRequest request = Request(R"({"version":"1"})");
  request.mutable_options()->set_audit_request_id("job 1");
  ASSERT_THAT(calls_->Put(request), IsOk());
  request.mutable_options()->set_audit_request_id("job 2");
  const auto again = calls_->Put(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->committed().replayed());
}

TEST_F(WriteRequestsTest, TheSameCallAgainGetsTheFirstAnswerAlsoAfterARestart) {
  Start();
  const auto first = calls_->Put(Request(R"({"version":"1"})"));
  ASSERT_THAT(first, IsOk());
  EXPECT_FALSE(first->committed().replayed());
  ASSERT_THAT(calls_->Put(PutRequest("clip", "a", R"({"version":"2"})")), IsOk());
  Start();
  // In upper case it is the same id.
  const auto again =
      calls_->Put(Request(R"({"version":"1"})", "0B6BB1C8-4D2C-4D67-9A54-5D1F0F2A1B77"));
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->committed().replayed());
  v1::Committed committed = again->committed();
  committed.clear_replayed();
  EXPECT_EQ(committed.SerializeAsString(), first->committed().SerializeAsString());
  EXPECT_EQ(again->header().revision(), 2u);
  EXPECT_EQ(server_->store().root()->revision, 2u);
}

TEST_F(WriteRequestsTest, WritesThatChangedNothingAreRemembered) {
  Start();
  ASSERT_THAT(calls_->Put(PutRequest("clip", "a", R"({"version":"1"})")), IsOk());
  const auto first = calls_->Put(Request(R"({"version":"1"})"));
  ASSERT_THAT(first, IsOk());
  EXPECT_FALSE(first->committed().changed());
  ASSERT_THAT(calls_->Put(PutRequest("clip", "a", R"({"version":"2"})")), IsOk());
  const auto again = calls_->Put(Request(R"({"version":"1"})"));
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->committed().replayed());
  EXPECT_FALSE(again->committed().changed());
}

TEST_F(WriteRequestsTest, AnIdBelongsToOneBodyOneMethodAndACall) {
  Start();
  ASSERT_THAT(calls_->Put(Request(R"({"version":"1"})")), IsOk());
  EXPECT_THAT(calls_->Put(Request(R"({"version":"2"})")),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(calls_->Put(Request(R"({"version":"2"})")), HasReason("REQUEST_ID_REUSED"));
  v1::DeleteModelRequest remove = DeleteRequest("clip", "a");
  remove.mutable_options()->set_request_id(kUuid);
  EXPECT_THAT(calls_->Delete(remove), IsOk());
  EXPECT_THAT(calls_->Put(Request("{}", "no uuid")), HasReason("BAD_REQUEST_ID"));
}

TEST_F(WriteRequestsTest, CallsThatFailedOrOnlyValidateAreNotRemembered) {
  Start();
  EXPECT_THAT(calls_->Put(Request("7")), HasReason("BAD_JSON"));
  v1::PutModelRequest check = Request("{}");
  check.mutable_options()->set_validate_only(true);
  ASSERT_THAT(calls_->Put(check), IsOk());
  const auto put = calls_->Put(Request(R"({"version":"1"})"));
  ASSERT_THAT(put, IsOk());
  EXPECT_FALSE(put->committed().replayed());
}

TEST_F(WriteRequestsTest, OneOfManyCallsAtOnceWrites) {
  Start();
  std::atomic<int> replayed{0}, committed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      const auto put = calls_->Put(Request(R"({"version":"1"})"));
      if (!put.ok()) return;
      ++(put->committed().replayed() ? replayed : committed);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(committed, 1);
  EXPECT_EQ(replayed, 15);
  EXPECT_EQ(server_->store().root()->revision, 1u);
}

TEST_F(WriteRequestsTest, AnswersAreForgottenAfterADay) {
  Start();
  ASSERT_THAT(calls_->Put(Request(R"({"version":"1"})")), IsOk());
  server_->clock().Advance(absl::Hours(23));
  EXPECT_TRUE(calls_->Put(Request(R"({"version":"1"})"))->committed().replayed());
  server_->clock().Advance(absl::Hours(2));
  const auto late = calls_->Put(Request(R"({"version":"1"})"));
  ASSERT_THAT(late, IsOk());
  EXPECT_FALSE(late->committed().replayed());
  server_->clock().Advance(absl::Hours(25));
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(calls_->Put(Request("{}", absl::StrCat("0b6bb1c8-4d2c-4d67-9a54-00000000000", i))),
                IsOk());
  }
  int64_t kept = 0;
  ASSERT_THAT(server_->store().Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(kept, database.QueryInt("SELECT count(*) FROM requests"));
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_EQ(kept, 3);
}

TEST_F(WriteRequestsTest, ADeleteInAnEmptyCategoryIsAnError) {
  Start();
  EXPECT_THAT(calls_->Delete(DeleteRequest("lora", "a")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(server_->store().root()->revision, 0u);
}

TEST(RequestIdTest, IsAUuidInLowerCase) {
  EXPECT_EQ(ParseRequestId("0B6BB1C8-4D2C-4D67-9A54-5D1F0F2A1B77"), kUuid);
  for (const char* bad : {"", "0b6bb1c8", "0b6bb1c8-4d2c-4d67-9a54-5d1f0f2a1b7g",
                          "0b6bb1c8a4d2c-4d67-9a54-5d1f0f2a1b77"}) {
    EXPECT_FALSE(ParseRequestId(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace modelref::testing

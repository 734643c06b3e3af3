#include "service/grpc_status.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "clients/cpp/error_codec.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace modelref {
namespace {

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

template <typename Detail>
Detail Find(const google::rpc::Status& details) {
  Detail found;
  for (const auto& any : details.details()) {
    if (any.UnpackTo(&found)) return found;
  }
  ADD_FAILURE() << "no " << found.GetTypeName();
  return found;
}

TEST(GrpcStatusTest, EveryErrorCarriesAReason) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  const grpc::Status plain = ToGrpcStatus(absl::NotFoundError("no such model"));
  EXPECT_EQ(plain.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(plain.error_message(), "no such model");
  const google::rpc::Status details = Details(plain);
  EXPECT_EQ(details.code(), 5);
  EXPECT_EQ(details.message(), "no such model");
  const auto info = Find<google::rpc::ErrorInfo>(details);
  EXPECT_EQ(info.reason(), "NOT_FOUND");
  EXPECT_EQ(info.domain(), "modelref");
}

TEST(GrpcStatusTest, ExtrasBecomeTheirDetails) {
  ErrorExtras extras;
  extras.metadata = {{"category", "lora"}};
  extras.retry_after = absl::Milliseconds(1250);
  extras.field_violations = {{"filter.tags[0]", "is empty"}};
  extras.preconditions = {{"UPSTREAM", "primary", "is down"}};
  const grpc::Status status =
      ToGrpcStatus(Error(absl::StatusCode::kUnavailable, "REPLICA_BEHIND", "wait", extras));
  const google::rpc::Status details = Details(status);
  EXPECT_EQ(Find<google::rpc::ErrorInfo>(details).metadata().at("category"), "lora");
  const auto retry = Find<google::rpc::RetryInfo>(details);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
  EXPECT_EQ(Find<google::rpc::BadRequest>(details).field_violations(0).field(), "filter.tags[0]");
  EXPECT_EQ(Find<google::rpc::PreconditionFailure>(details).violations(0).subject(), "primary");
  EXPECT_EQ(FromGrpcStatus(status),
            Error(absl::StatusCode::kUnavailable, "REPLICA_BEHIND", "wait", extras));
}

TEST(GrpcStatusTest, LongMessageIsCutBetweenCharacters) {
  std::string message;
  for (int i = 0; i < 400; ++i) message += "\xC3\xA9";  // é
  const grpc::Status status = ToGrpcStatus(absl::InternalError(message));
  EXPECT_LE(status.error_message().size(), kMaxErrorMessageBytes);
  EXPECT_GE(status.error_message().size(), kMaxErrorMessageBytes - 2);
  EXPECT_TRUE(IsValidUtf8(status.error_message()));
  EXPECT_THAT(status.error_message(), ::testing::EndsWith("\xC3\xA9..."));
  const grpc::Status exact = ToGrpcStatus(absl::InternalError(std::string(512, 'x')));
  EXPECT_EQ(exact.error_message(), std::string(512, 'x'));
}

TEST(GrpcStatusTest, BadBytesInMessagesAreReplaced) {
  const grpc::Status status = ToGrpcStatus(absl::InternalError("a\xFFz"));
  EXPECT_EQ(status.error_message(), "a\xEF\xBF\xBDz");
  // All bytes bad: each grows to three, and the cut is still between characters.
  const grpc::Status garbage = ToGrpcStatus(absl::InternalError(std::string(2000, '\xFF')));
  EXPECT_LE(garbage.error_message().size(), kMaxErrorMessageBytes);
  EXPECT_TRUE(IsValidUtf8(garbage.error_message()));
}

TEST(GrpcStatusTest, ManyViolationsAreCountedInTheLastOne) {
  ErrorExtras extras;
  for (int i = 0; i < 1000; ++i) {
    extras.field_violations.push_back({absl::StrCat("records[", i, "]"), "is not a record"});
  }
  const grpc::Status status =
      ToGrpcStatus(Error(absl::StatusCode::kInvalidArgument, "INVALID_RECORDS", "bad", extras));
  EXPECT_LE(status.error_details().size(), kMaxErrorDetailsBytes);
  const auto bad_request = Find<google::rpc::BadRequest>(Details(status));
  const int shown = bad_request.field_violations_size() - 1;
  ASSERT_GT(shown, 10);
  EXPECT_EQ(bad_request.field_violations(shown).description(),
            absl::StrCat("... and ", 1000 - shown, " more"));
}

TEST(GrpcStatusTest, DetailsStayWithinTheirLimitWhateverTheExtras) {
  ErrorExtras extras;
  const std::string huge(5000, 'h');
  for (int i = 0; i < 100; ++i) {
    extras.metadata[absl::StrCat(i, huge)] = huge;
    extras.field_violations.push_back({huge, huge});
    extras.preconditions.push_back({huge, huge, huge});
  }
  extras.retry_after = absl::InfiniteDuration();
  const grpc::Status status =
      ToGrpcStatus(Error(absl::StatusCode::kInternal, std::string(200, 'R'), huge, extras));
  EXPECT_LE(status.error_details().size(), kMaxErrorDetailsBytes);
  const google::rpc::Status details = Details(status);
  EXPECT_EQ(details.details_size(), 4);
  EXPECT_GE(Find<google::rpc::BadRequest>(details).field_violations_size(), 2);
  EXPECT_GE(Find<google::rpc::PreconditionFailure>(details).violations_size(), 2);
}

TEST(FromGrpcStatusTest, ForeignErrorsKeepCodeAndMessage) {
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
  const absl::Status plain =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection refused"));
  EXPECT_EQ(plain, absl::UnavailableError("connection refused"));
  const absl::Status garbage =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::ABORTED, "text", "\xFF\xFF not a proto"));
  EXPECT_EQ(garbage, absl::AbortedError("text"));
  EXPECT_EQ(ReasonOf(garbage), "ABORTED");
}

}  // namespace
}  // namespace modelref

#include "service/health_service.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "backends/base/error.h"
#include "clients/cpp/error_codec.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/service/rpc/rpc_test_server.h"

namespace modelref::testing {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class HealthServiceTest : public ::testing::Test {
 protected:
  HealthServiceTest()
      : server_([this](MethodTable* table) { RegisterHealthService(table, &board_); }),
        stub_(Health::NewStub(server_.channel())) {}

  absl::StatusOr<HealthCheckResponse::ServingStatus> Check(const std::string& service) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = stub_->Check(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response.status();
  }

  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> Watch(grpc::ClientContext* context,
                                                                 const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    return stub_->Watch(context, request);
  }

  static HealthCheckResponse::ServingStatus Next(grpc::ClientReader<HealthCheckResponse>* reader) {
    HealthCheckResponse response;
    EXPECT_TRUE(reader->Read(&response));
    return response.status();
  }

  HealthBoard board_;
  TestServer server_;
  std::unique_ptr<Health::Stub> stub_;
};

TEST_F(HealthServiceTest, CheckAnswersTheBoard) {
  EXPECT_EQ(*Check(""), HealthCheckResponse::NOT_SERVING);
  board_.Set("", true);
  board_.Set("modelref.v1.WatchService", false);
  EXPECT_EQ(*Check(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(*Check("modelref.v1.WatchService"), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthServiceTest, CheckOfAnUnknownServiceIsNotFound) {
  EXPECT_EQ(Check("nobody").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(HealthServiceTest, NameOver200BytesIsInvalid) {
  EXPECT_EQ(Check(std::string(200, 'a')).status().code(), absl::StatusCode::kNotFound);
  const absl::Status status = Check(std::string(201, 'a')).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "SERVICE_NAME_TOO_LONG");
  grpc::ClientContext context;
  const auto watch = Watch(&context, std::string(201, 'a'));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(HealthServiceTest, WatchSendsTheStateAndItsChanges) {
  grpc::ClientContext context;
  const auto watch = Watch(&context, "");
  EXPECT_EQ(Next(watch.get()), HealthCheckResponse::NOT_SERVING);
  board_.Set("other", true);
  board_.Set("", false);
  board_.Set("", true);
  EXPECT_EQ(Next(watch.get()), HealthCheckResponse::SERVING);
  board_.SetAll(false);
  EXPECT_EQ(Next(watch.get()), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(server_->Stats().streams_open, 1);
  context.TryCancel();
}

TEST_F(HealthServiceTest, WatchOfAnUnknownServiceStaysAndLearnsOfIt) {
  grpc::ClientContext context;
  const auto watch = Watch(&context, "late");
  EXPECT_EQ(Next(watch.get()), HealthCheckResponse::SERVICE_UNKNOWN);
  board_.Set("late", true);
  EXPECT_EQ(Next(watch.get()), HealthCheckResponse::SERVING);
  context.TryCancel();
}

TEST_F(HealthServiceTest, DrainIsSeenByWatchersAndForGood) {
  board_.Set("", true);
  grpc::ClientContext context;
  const auto watch = Watch(&context, "");
  EXPECT_EQ(Next(watch.get()), HealthCheckResponse::SERVING);
  board_.Close();
  server_->BeginDrain(absl::ZeroDuration());
  board_.Set("", true);
  EXPECT_EQ(Next(watch.get()), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(*Check(""), HealthCheckResponse::NOT_SERVING);
  std::thread stopper([this] { server_->Shutdown(absl::Seconds(50)); });
  HealthCheckResponse response;
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  stopper.join();
}

TEST_F(HealthServiceTest, WatcherThatLeavesIsForgotten) {
  grpc::ClientContext context;
  const auto watch = Watch(&context, "");
  EXPECT_EQ(Next(watch.get()), HealthCheckResponse::NOT_SERVING);
  context.TryCancel();
  EXPECT_TRUE(Eventually([this] { return server_->Stats().streams_open == 0; }));
  board_.Set("", true);
  EXPECT_EQ(*Check(""), HealthCheckResponse::SERVING);
}

}  // namespace
}  // namespace modelref::testing

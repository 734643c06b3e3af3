#include "clients/cpp/cancellation.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "clients/cpp/client.h"
#include "tests/clients/fake_server.h"
#include "tests/clients/sample_document.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Event;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::kDeadline;
using ::modelref::testing::StatusIs;
using ::modelref::testing::UnusedAddress;

TEST(CancellationTest, ListenersAreCalledOnceAndAtOnceWhenTheyComeLate) {
  Cancellation cancellation;
  int calls = 0;
  {
    const CancellationListener gone(&cancellation, [&] { calls += 100; });
  }
  const CancellationListener early(&cancellation, [&] { ++calls; });
  EXPECT_FALSE(cancellation.cancelled());
  cancellation.Cancel();
  cancellation.Cancel();
  EXPECT_EQ(calls, 1);
  const CancellationListener late(&cancellation, [&] { ++calls; });
  EXPECT_EQ(calls, 2);
  const CancellationListener none(nullptr, [&] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST(CancellationTest, WaitEndsWithTheTimeOrTheCancellation) {
  Cancellation cancellation;
  EXPECT_FALSE(cancellation.WaitFor(absl::Milliseconds(1)));
  EXPECT_FALSE(cancellation.WaitFor(absl::ZeroDuration()));
  std::thread canceller([&] { cancellation.Cancel(); });
  EXPECT_TRUE(cancellation.WaitFor(absl::InfiniteDuration()));
  canceller.join();
}

// A server whose calls hang until their caller gives up.
class CancelledCallsTest : public ::testing::Test {
 protected:
  CancelledCallsTest() {
    FakeHandlers handlers;
    handlers.get_category = [this](const v1::GetCategoryRequest&, v1::GetCategoryResponse*) {
      called_.Set();
      EXPECT_TRUE(may_return_.Wait());
      return absl::OkStatus();
    };
    const auto hang = [this](const auto&, grpc::ServerContext&, auto&) {
      called_.Set();
      EXPECT_TRUE(may_return_.Wait());
      return absl::OkStatus();
    };
    handlers.stream_category = hang;
    handlers.fetch_all = hang;
    handlers.get_delta = hang;
    handlers.watch = hang;
    server_ = std::make_unique<FakeServer>(handlers);
  }
  ~CancelledCallsTest() override { may_return_.Set(); }

  std::unique_ptr<Client> ClientOf(const std::string& address) {
    ClientOptions options;
    options.address = address;
    options.connect_timeout = kDeadline;
    return *Client::Create(options);
  }
  // Cancels when the server was called.
  template <typename Call>
  absl::Status RunAndCancel(Call call) {
    const std::unique_ptr<Client> client = ClientOf(server_->address());
    std::thread canceller([this] {
      EXPECT_TRUE(called_.Wait());
      cancellation_.Cancel();
    });
    const absl::Status status = call(*client, CallOptions{std::nullopt, &cancellation_});
    canceller.join();
    return status;
  }

  Event called_;
  Event may_return_;
  Cancellation cancellation_;
  std::unique_ptr<FakeServer> server_;
};

TEST_F(CancelledCallsTest, CallWithOneAnswerReturns) {
  EXPECT_THAT(RunAndCancel([](Client& client, const CallOptions& call) {
                return client.GetCategory({}, call).status();
              }),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(CancelledCallsTest, TransferThatWaitsForItsHeaderReturns) {
  EXPECT_THAT(RunAndCancel([](Client& client, const CallOptions& call) {
                return client.StreamCategory({}, call).status();
              }),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(CancelledCallsTest, TransferOfAllDocumentsReturns) {
  EXPECT_THAT(RunAndCancel([](Client& client, const CallOptions& call) {
                return client.FetchAllCategories({}, call).status();
              }),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(CancelledCallsTest, DeltaReturns) {
  EXPECT_THAT(RunAndCancel([](Client& client, const CallOptions& call) {
                return client.FetchDelta({}, call).status();
              }),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(CancelledCallsTest, WatchStreamEnds) {
  EXPECT_THAT(RunAndCancel([](Client& client, const CallOptions& call) {
                auto stream = client.Watch({}, call);
                return stream.ok() ? (*stream)->Next(kDeadline).status() : stream.status();
              }),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(CancelledCallsTest, CallThatStartsLaterReturnsAtOnce) {
  const std::unique_ptr<Client> client = ClientOf(server_->address());
  cancellation_.Cancel();
  EXPECT_THAT(client->GetCategory({}, {std::nullopt, &cancellation_}).status(),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_FALSE(called_.IsSet());
}

TEST_F(CancelledCallsTest, WaitForAConnectionEnds) {
  const std::unique_ptr<Client> client = ClientOf(UnusedAddress());
  std::thread canceller([this] { cancellation_.Cancel(); });
  EXPECT_FALSE(client->GetCategory({}, {std::nullopt, &cancellation_}).ok());
  canceller.join();
}

}  // namespace
}  // namespace modelref

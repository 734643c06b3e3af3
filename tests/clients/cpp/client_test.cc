#include "clients/cpp/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/clients/fake_server.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Event;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::StatusIs;
using ::modelref::testing::UnusedAddress;

ClientOptions OptionsFor(const std::string& address) {
  ClientOptions options;
  options.address = address;
  options.call_timeout = absl::Seconds(30);
  options.retry.wait = [](absl::Duration) {};
  return options;
}

std::unique_ptr<Client> MakeClient(const ClientOptions& options) {
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
  EXPECT_THAT(client, IsOk());
  return *std::move(client);
}

// Fails the first `failures` calls, then answers.
template <typename Request, typename Response>
testing::UnaryHandler<Request, Response> FailFirst(int failures, absl::Status status,
                                                   std::atomic<int>* calls) {
  return
      [=](const Request&, Response*) { return ++*calls <= failures ? status : absl::OkStatus(); };
}

TEST(ClientTest, ReadsAreRepeatedWhileTheServerIsUnavailable) {
  std::atomic<int> calls = 0;
  FakeHandlers handlers;
  handlers.get_model = FailFirst<v1::GetModelRequest, v1::GetModelResponse>(
      2, Error(absl::StatusCode::kUnavailable, "REPLICA_BEHIND", "wait"), &calls);
  FakeServer server(handlers);
  EXPECT_THAT(MakeClient(OptionsFor(server.address()))->GetModel({}), IsOk());
  EXPECT_EQ(calls.load(), 3);
}

TEST(ClientTest, OtherErrorsAreNotRepeatedAndKeepTheirReason) {
  std::atomic<int> calls = 0;
  FakeHandlers handlers;
  handlers.get_model = FailFirst<v1::GetModelRequest, v1::GetModelResponse>(
      1, Error(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND", "no such model"), &calls);
  FakeServer server(handlers);
  const auto response = MakeClient(OptionsFor(server.address()))->GetModel({});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kNotFound, "no such model"));
  EXPECT_THAT(response, HasReason("MODEL_NOT_FOUND"));
  EXPECT_EQ(calls.load(), 1);
}

TEST(ClientTest, CallsThatChangeSomethingAreNeverRepeated) {
  std::atomic<int> calls = 0;
  FakeHandlers handlers;
  handlers.mark_stale = FailFirst<v1::MarkStaleRequest, v1::MarkStaleResponse>(
      1, absl::UnavailableError("busy"), &calls);
  FakeServer server(handlers);
  EXPECT_THAT(MakeClient(OptionsFor(server.address()))->MarkStale({}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(calls.load(), 1);
}

TEST(ClientTest, DeadlineEndsACallThatHangs) {
  Event released;
  FakeHandlers handlers;
  handlers.get_model = [&released](const v1::GetModelRequest&, v1::GetModelResponse*) {
    EXPECT_TRUE(released.Wait());
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(OptionsFor(server.address()));
  EXPECT_THAT(client->GetModel({}, CallOptions{absl::Milliseconds(100)}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  released.Set();
}

TEST(ClientTest, ServerThatNeverListenedIsNamedAtOnceWithoutWaitForReady) {
  ClientOptions options = OptionsFor(UnusedAddress());
  options.wait_for_ready = false;
  int waits = 0;
  options.retry.wait = [&waits](absl::Duration) { ++waits; };
  const auto response = MakeClient(options)->GetModel({});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable,
                                 ::testing::StartsWith("no answer from " + options.address)));
  EXPECT_EQ(waits, 0);
}

TEST(ClientTest, FirstCallWaitsForAServerThatIsStarting) {
  std::atomic<int> calls = 0;
  FakeHandlers handlers;
  handlers.get_model =
      FailFirst<v1::GetModelRequest, v1::GetModelResponse>(0, absl::OkStatus(), &calls);
  // The port of a server that was here a moment ago.
  int port = 0;
  { port = FakeServer({}).port(); }
  ClientOptions options = OptionsFor(absl::StrCat("127.0.0.1:", port));
  options.connect_timeout = absl::Seconds(20);
  const auto client = MakeClient(options);
  std::unique_ptr<FakeServer> server;
  std::thread starter([&] { server = std::make_unique<FakeServer>(handlers, port); });
  EXPECT_THAT(client->GetModel({}), IsOk());
  starter.join();
}

TEST(ClientTest, CredentialsTravelAsMetadata) {
  FakeHandlers handlers;
  handlers.list_categories = [](const auto&, auto*) { return absl::OkStatus(); };
  FakeServer server(handlers);
  ClientOptions options = OptionsFor(server.address());
  options.credential = {Credential::Kind::kBearer, "s3cret"};
  ASSERT_THAT(MakeClient(options)->ListCategories({}), IsOk());
  EXPECT_EQ(server.last_metadata("authorization"), "Bearer s3cret");
  options.credential = {Credential::Kind::kApiKey, "k3y"};
  ASSERT_THAT(MakeClient(options)->ListCategories({}), IsOk());
  EXPECT_EQ(server.last_metadata("apikey"), "k3y");
  EXPECT_EQ(server.last_metadata("authorization"), "");
}

TEST(ClientTest, CredentialsAreNotSentInPlainTextToOtherMachines) {
  ClientOptions options = OptionsFor("ref.example.net:50051");
  options.credential = {Credential::Kind::kApiKey, "k3y"};
  const absl::Status refused = Client::Create(options).status();
  EXPECT_THAT(refused, HasReason("PLAINTEXT_CREDENTIAL"));
  EXPECT_EQ(refused.ToString().find("k3y"), std::string::npos);
  options.allow_plaintext_credentials = true;
  EXPECT_THAT(Client::Create(options), IsOk());
  options.allow_plaintext_credentials = false;
  options.tls.emplace();
  EXPECT_THAT(Client::Create(options), IsOk());
}

TEST(ClientTest, CredentialsThatCannotBeSentAreRefusedWithoutShowingThem) {
  ClientOptions options = OptionsFor("127.0.0.1:50051");
  options.credential = {Credential::Kind::kBearer, "line\nbreak"};
  const absl::Status refused = Client::Create(options).status();
  EXPECT_THAT(refused, HasReason("BAD_CREDENTIAL"));
  EXPECT_EQ(refused.ToString().find("line"), std::string::npos);
}

TEST(ClientTest, PagesAreReadToTheLastOne) {
  FakeHandlers handlers;
  handlers.list_models = [](const v1::ListModelsRequest& request,
                            v1::ListModelsResponse* response) {
    const int page = request.page_token().empty() ? 0 : std::stoi(request.page_token());
    response->add_models()->set_name(absl::StrCat("model ", page));
    if (page < 2) response->set_next_page_token(absl::StrCat(page + 1));
    response->set_snapshot_changed(page == 1);
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(OptionsFor(server.address()));
  ModelPages pages = client->ListModelPages({});
  std::vector<std::string> names;
  v1::ListModelsResponse page;
  for (;;) {
    ASSERT_OK_AND_ASSIGN(const bool more, pages.Next(&page));
    if (!more) break;
    names.push_back(page.models(0).name());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"model 0", "model 1", "model 2"}));
  EXPECT_TRUE(pages.snapshot_changed());
}

TEST(ClientTest, PageTokenThatLeadsNowhereIsNoEndlessLoop) {
  FakeHandlers handlers;
  handlers.list_models = [](const v1::ListModelsRequest&, v1::ListModelsResponse* response) {
    response->set_next_page_token("same");
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(OptionsFor(server.address()));
  ModelPages pages = client->ListModelPages({});
  v1::ListModelsResponse page;
  ASSERT_THAT(pages.Next(&page), IsOkAndHolds(true));
  EXPECT_THAT(pages.Next(&page), HasReason("PAGE_TOKEN_REPEATED"));
}

TEST(ClientTest, WatchIsCancelledFromAnotherThread) {
  Event open;
  FakeHandlers handlers;
  handlers.watch = [&open](const v1::WatchRequest&, grpc::ServerContext& context,
                           grpc::ServerWriter<v1::WatchResponse>& writer) {
    v1::WatchResponse message;
    message.mutable_created();
    // Repeats until the client is gone, which a blocked write notices.
    while (writer.Write(message)) open.Set();
    EXPECT_TRUE(context.IsCancelled());
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(OptionsFor(server.address()));
  ASSERT_OK_AND_ASSIGN(const auto stream, client->Watch({}));
  ASSERT_TRUE(open.Wait());
  std::thread canceller([&stream] { stream->Cancel(); });
  absl::Status end;
  while (end.ok()) end = stream->Next().status();
  EXPECT_THAT(end, StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
}

TEST(ClientTest, HealthIsAskedPerService) {
  FakeHandlers handlers;
  handlers.health = [](const grpc::health::v1::HealthCheckRequest& request,
                       grpc::health::v1::HealthCheckResponse* response) -> absl::Status {
    if (request.service() == "nobody") return absl::NotFoundError("unknown service");
    response->set_status(request.service().empty()
                             ? grpc::health::v1::HealthCheckResponse::SERVING
                             : grpc::health::v1::HealthCheckResponse::NOT_SERVING);
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(OptionsFor(server.address()));
  EXPECT_THAT(client->CheckHealth(), IsOkAndHolds(Client::Serving::kServing));
  EXPECT_THAT(client->CheckHealth("x"), IsOkAndHolds(Client::Serving::kNotServing));
  EXPECT_THAT(client->CheckHealth("nobody"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace modelref

#include "clients/cpp/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "tests/clients/fake_server.h"
#include "tests/clients/sample_document.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::IsOkAndHolds;
using ::modelref::testing::ThreeModels;

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

FakeHandlers DocumentHandlers(bool too_large) {
  FakeHandlers handlers;
  handlers.get_category = [too_large](const v1::GetCategoryRequest&,
                                      v1::GetCategoryResponse* response) -> absl::Status {
    if (too_large) {
      return Error(absl::StatusCode::kResourceExhausted, "USE_STREAM_CATEGORY", "too large");
    }
    response->set_etag(ThreeModels().etag());
    response->set_json(ThreeModels().json());
    return absl::OkStatus();
  };
  handlers.stream_category = [](const v1::StreamCategoryRequest& request, grpc::ServerContext&,
                                grpc::ServerWriter<v1::StreamCategoryResponse>& writer) {
    EXPECT_EQ(request.category(), "controlnet");
    for (const v1::StreamCategoryResponse& part : ThreeModels().Parts()) writer.Write(part);
    return absl::OkStatus();
  };
  return handlers;
}

v1::GetCategoryRequest Controlnet() {
  v1::GetCategoryRequest request;
  request.set_category("controlnet");
  return request;
}

TEST(ClientDocumentsTest, FetchCategoryStreamsWhatIsTooLargeForOneAnswer) {
  for (const bool too_large : {false, true}) {
    FakeServer server(DocumentHandlers(too_large));
    const auto client = MakeClient(OptionsFor(server.address()));
    ASSERT_OK_AND_ASSIGN(const FetchedDocument document, client->FetchCategory(Controlnet()));
    EXPECT_EQ(document.content, ThreeModels().json());
    EXPECT_EQ(document.etag, ThreeModels().etag());
  }
}

TEST(ClientDocumentsTest, FetchCategoryNoticesContentThatHasNotItsEtag) {
  FakeHandlers handlers;
  handlers.get_category = [](const v1::GetCategoryRequest&, v1::GetCategoryResponse* response) {
    response->set_etag(ThreeModels().etag());
    response->set_json(R"({"alpha":{"size":1.5}})");
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(OptionsFor(server.address()));
  EXPECT_THAT(client->FetchCategory(Controlnet()), HasReason("INTEGRITY_FAILURE"));
}

TEST(ClientDocumentsTest, FetchCategoryStartsOverWhenTheDocumentChangesDuringAResume) {
  std::atomic<int> streams = 0;
  FakeHandlers handlers = DocumentHandlers(true);
  const auto whole = handlers.stream_category;
  handlers.stream_category =
      [&streams, whole](const v1::StreamCategoryRequest& request, grpc::ServerContext& context,
                        grpc::ServerWriter<v1::StreamCategoryResponse>& writer) -> absl::Status {
    ++streams;
    if (streams == 1) {
      const auto parts = ThreeModels().Parts();
      for (size_t i = 0; i < 3; ++i) writer.Write(parts[i]);
      return absl::UnavailableError("lost");
    }
    if (!request.start_after().empty()) {
      return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH", "changed");
    }
    return whole(request, context, writer);
  };
  FakeServer server(handlers);
  const auto client = MakeClient(OptionsFor(server.address()));
  ASSERT_OK_AND_ASSIGN(const FetchedDocument document, client->FetchCategory(Controlnet()));
  EXPECT_EQ(document.content, ThreeModels().json());
  EXPECT_EQ(streams.load(), 3);
}

TEST(ClientDocumentsTest, StreamCategoryReadsRecordsOneByOne) {
  FakeServer server(DocumentHandlers(true));
  const auto client = MakeClient(OptionsFor(server.address()));
  v1::StreamCategoryRequest request;
  request.set_category("controlnet");
  ASSERT_OK_AND_ASSIGN(const auto stream, client->StreamCategory(request));
  v1::Record record;
  EXPECT_THAT(stream->NextRecord(&record), IsOkAndHolds(true));
  EXPECT_EQ(record.name(), "alpha");
  // The rest is not read: the stream must let go of the call all the same.
}

}  // namespace
}  // namespace modelref

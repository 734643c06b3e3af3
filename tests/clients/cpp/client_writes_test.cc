// The writes of Client: ids, repeating, and the parts of an import.

#include <gmock/gmock.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/etag.h"
#include "clients/cpp/client.h"
#include "clients/cpp/request_id.h"
#include "service/write/request_ledger.h"
#include "tests/clients/fake_server.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using ::modelref::testing::UnusedAddress;
using ::testing::SizeIs;

using Parts = std::vector<v1::ImportCategoryRequest>;

std::unique_ptr<Client> MakeClient(const std::string& address) {
  ClientOptions options;
  options.address = address;
  options.wait_for_ready = false;
  options.retry.wait = [](absl::Duration) {};
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
  EXPECT_THAT(client, IsOk());
  return *std::move(client);
}

absl::Status Busy() { return Error(absl::StatusCode::kUnavailable, "STORE_BUSY", "busy"); }

// Records of a list.
class ListSource final : public RecordSource {
 public:
  explicit ListSource(std::vector<SourceRecord> records) : records_(std::move(records)) {}
  absl::StatusOr<bool> Next(SourceRecord* record) override {
    if (next_ == records_.size()) return end;
    *record = records_[next_++];
    return true;
  }
  absl::Status Rewind() override {
    next_ = 0;
    return rewind;
  }
  absl::StatusOr<bool> end = false;
  absl::Status rewind;

 private:
  const std::vector<SourceRecord> records_;
  size_t next_ = 0;
};

TEST(RequestIdTest, IsAUuidAndAnotherOneEachTime) {
  const std::string id = NewRequestId();
  EXPECT_EQ(ParseRequestId(id), id);
  EXPECT_EQ(id[14], '4');
  EXPECT_THAT(std::string("89ab"), ::testing::HasSubstr(std::string(1, id[19])));
  EXPECT_NE(NewRequestId(), id);
}

TEST(ClientWritesTest, EveryAttemptOfAWriteHasTheSameId) {
  std::vector<v1::PutModelRequest> requests;
  FakeHandlers handlers;
  handlers.put_model = [&](const v1::PutModelRequest& request, v1::PutModelResponse* response) {
    requests.push_back(request);
    response->mutable_committed()->set_changed(true);
    return requests.size() < 3 ? Busy() : absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(server.address());
  const auto put = client->PutModel({});
  ASSERT_THAT(put, IsOk());
  EXPECT_TRUE(put->committed().changed());
  ASSERT_THAT(requests, SizeIs(3));
  EXPECT_TRUE(ParseRequestId(requests[0].options().request_id()).has_value());
  EXPECT_EQ(requests[0].SerializeAsString(), requests[2].SerializeAsString());
  ASSERT_THAT(client->PutModel({}), IsOk());
  EXPECT_NE(requests[0].options().request_id(), requests[3].options().request_id());
}

TEST(ClientWritesTest, TheIdOfTheCallerIsKeptAndOtherErrorsAreNotRepeated) {
  std::vector<std::string> ids;
  FakeHandlers handlers;
  handlers.delete_model = [&](const v1::DeleteModelRequest& request, v1::DeleteModelResponse*) {
    ids.push_back(request.options().request_id());
    return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH", "moved");
  };
  handlers.write_models = [&](const v1::WriteModelsRequest& request, v1::WriteModelsResponse*) {
    ids.push_back(request.options().request_id());
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(server.address());
  v1::DeleteModelRequest deletion;
  deletion.mutable_options()->set_request_id("mine");
  EXPECT_THAT(client->DeleteModel(deletion), HasReason("ETAG_MISMATCH"));
  EXPECT_THAT(client->WriteModels({}), IsOk());
  ASSERT_THAT(ids, SizeIs(2));
  EXPECT_EQ(ids[0], "mine");
  EXPECT_TRUE(ParseRequestId(ids[1]).has_value());
}

TEST(ClientWritesTest, NobodyListeningIsToldAtOnce) {
  const auto client = MakeClient(UnusedAddress());
  EXPECT_THAT(client->PutModel({}), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(ClientImportTest, RecordsOfAnySizeArriveWholeWithTheirCountAndEtag) {
  Parts parts;
  FakeHandlers handlers;
  handlers.import_category = [&](const Parts& sent, v1::ImportCategoryResponse* response) {
    parts = sent;
    response->set_created(3);
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  const std::string large = absl::StrCat("\"", std::string(size_t{5} << 19, 'x'), "\"");
  ListSource source({{"a", "{}", true}, {"large", large, true}, {"z", "{}", true}});
  const auto response = MakeClient(server.address())->ImportCategory({}, source);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->created(), 3u);
  std::vector<std::pair<std::string, std::string>> records;
  bool continues = false;
  for (const v1::ImportCategoryRequest& part : parts) {
    EXPECT_LE(part.ByteSizeLong(), size_t{2} << 20);
    for (int i = 0; i < part.import_batch().records_size(); ++i) {
      const v1::ImportRecord& record = part.import_batch().records(i);
      if (!continues) records.emplace_back(record.name(), "");
      EXPECT_TRUE(!continues || i == 0);
      EXPECT_EQ(record.name(), records.back().first);
      records.back().second += record.json();
      continues = record.continues();
    }
  }
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_TRUE(records[1].second == large);
  EXPECT_TRUE(parts.front().has_import_header());
  DocumentEtagBuilder etag;
  for (const auto& [name, json] : records) etag.Add(name, RecordEtag(json));
  const Etag expected = etag.Finish();
  EXPECT_EQ(parts.back().import_commit().record_count(), 3u);
  EXPECT_EQ(parts.back().import_commit().content_etag(), AsBytes(expected));
}

TEST(ClientImportTest, ABrokenImportIsRepeatedWithTheSameMessages) {
  std::vector<std::string> attempts;
  FakeHandlers handlers;
  handlers.import_category = [&](const Parts& sent, v1::ImportCategoryResponse*) {
    std::string all;
    for (const auto& part : sent) all += part.SerializeAsString();
    attempts.push_back(all);
    return attempts.size() < 2 ? Busy() : absl::OkStatus();
  };
  FakeServer server(handlers);
  const auto client = MakeClient(server.address());
  ListSource source({{"a", "{}", true}});
  EXPECT_THAT(client->ImportCategory({}, source), IsOk());
  ASSERT_THAT(attempts, SizeIs(2));
  EXPECT_EQ(attempts[0], attempts[1]);
  attempts.clear();
  source.rewind = absl::FailedPreconditionError("once");
  EXPECT_THAT(client->ImportCategory({}, source), HasReason("STORE_BUSY"));
  EXPECT_THAT(attempts, SizeIs(1));
}

TEST(ClientImportTest, AnErrorOfTheSourceEndsTheImportWithoutACommit) {
  Parts parts;
  int calls = 0;
  FakeHandlers handlers;
  handlers.import_category = [&](const Parts& sent, v1::ImportCategoryResponse*) {
    parts = sent;
    ++calls;
    return absl::OkStatus();
  };
  {
    FakeServer server(handlers);
    ListSource source({{"a", "{}", true}});
    source.end = absl::UnavailableError("the disk is gone");
    const auto response = MakeClient(server.address())->ImportCategory({}, source);
    EXPECT_EQ(response.status(), absl::UnavailableError("the disk is gone"));
  }
  EXPECT_LE(calls, 1);
  for (const auto& part : parts) EXPECT_FALSE(part.has_import_commit());
}

TEST(ClientImportTest, ARecordThatIsNotCanonicalHasNoEtagToCompare) {
  Parts parts;
  FakeHandlers handlers;
  handlers.import_category = [&](const Parts& sent, v1::ImportCategoryResponse*) {
    parts = sent;
    return absl::OkStatus();
  };
  FakeServer server(handlers);
  ListSource source({{"a", "{}", true}, {"b", "{ nope", false}});
  ASSERT_THAT(MakeClient(server.address())->ImportCategory({}, source), IsOk());
  EXPECT_EQ(parts.back().import_commit().content_etag(), "");
  EXPECT_EQ(parts.back().import_commit().record_count(), 2u);
}

}  // namespace
}  // namespace modelref

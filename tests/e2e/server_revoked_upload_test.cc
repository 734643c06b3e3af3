// An import whose caller loses the right to it before it is committed.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/error_codec.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "modelref/v1/write.grpc.pb.h"
#include "service/auth/tokens_editor.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/fake_http_server.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Eventually;
using ::modelref::testing::FakeHttpServer;
using ::modelref::testing::HasReason;
using ::modelref::testing::HttpAnswer;
using ::modelref::testing::IsOk;
using ::modelref::testing::Models;
using ::modelref::testing::ServerChild;
using ::modelref::testing::StatusIs;
using ::modelref::testing::TempDir;

class ServerRevokedUploadTest : public ::testing::Test {
 protected:
  ServerRevokedUploadTest() { data_.Write("clip.json", Models(1, 3)); }

  void Start(const std::vector<std::string>& flags) {
    server_ = std::make_unique<ServerChild>(data_.path(), flags);
    const auto channel =
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    stub_ = v1::WriteService::NewStub(channel);
    reads_ = v1::ReferenceService::NewStub(channel);
  }

  void StartWithTokens() {
    for (const std::string id : {"stays", "goes"}) {
      const auto created = CreateToken(tokens_, {id, "", Role::kAdmin, absl::InfiniteFuture()},
                                       RealClock().TimeNow());
      EXPECT_THAT(created, IsOk());
      headers_[id] = {"authorization",
                      absl::StrCat("Bearer ", created.ok() ? created->secret : "")};
    }
    Start({"--set", absl::StrCat("auth.tokens_file=", tokens_)});
  }

  // Sends a header and the record `name` as `id`, does `between`, and commits.
  absl::Status Import(
      const std::string& id, const std::string& name,
      const std::function<void()>& between = [] {}) {
    grpc::ClientContext context;
    context.AddMetadata(headers_[id].first, headers_[id].second);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    v1::ImportCategoryResponse response;
    const auto writer = stub_->ImportCategory(&context, &response);
    v1::ImportCategoryRequest part;
    part.mutable_import_header()->set_category("clip");
    part.mutable_import_header()->set_mode(v1::IMPORT_MODE_MERGE);
    writer->Write(part);
    part.Clear();
    v1::ImportRecord* record = part.mutable_import_batch()->add_records();
    record->set_name(name);
    record->set_json(absl::StrCat("{\"name\":\"", name, "\",\"version\":\"1\"}"));
    writer->Write(part);
    between();
    part.Clear();
    part.mutable_import_commit()->set_record_count(1);
    writer->Write(part);
    writer->WritesDone();
    return FromGrpcStatus(writer->Finish());
  }

  std::string Served() {
    grpc::ClientContext context;
    v1::GetCategoryRequest request;
    request.set_category("clip");
    v1::GetCategoryResponse response;
    const grpc::Status status = reads_->GetCategory(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.json();
  }

  TempDir data_;
  TempDir files_;
  const std::string tokens_ = files_.PathOf("tokens.json");
  std::map<std::string, std::pair<std::string, std::string>> headers_;  // Of callers by id.
  std::unique_ptr<ServerChild> server_;
  std::unique_ptr<v1::WriteService::Stub> stub_;
  std::unique_ptr<v1::ReferenceService::Stub> reads_;
};

TEST_F(ServerRevokedUploadTest, NothingOfItIsImported) {
  StartWithTokens();
  EXPECT_THAT(Import("goes", "before"), IsOk());
  const absl::Status refused = Import("goes", "late", [this] {
    ASSERT_THAT(RevokeTokens(tokens_, "goes"), IsOk());
    // Until the server has read the file.
    EXPECT_TRUE(Eventually([this] { return !Import("goes", "meanwhile").ok(); }));
  });
  EXPECT_THAT(refused, HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ(server_->Metric("modelref_rpc_streams_revoked_total"), 1);
  EXPECT_THAT(Import("stays", "after"), IsOk());
  const auto served = Served();
  EXPECT_TRUE(absl::StrContains(served, "\"before\"")) << served;
  EXPECT_TRUE(absl::StrContains(served, "\"after\"")) << served;
  EXPECT_FALSE(absl::StrContains(served, "\"late\"")) << served;
}

TEST_F(ServerRevokedUploadTest, NothingIsImportedForAKeyThatHordeTookBack) {
  std::atomic<bool> taken_back{false};
  const FakeHttpServer horde([&taken_back](const std::string& head) {
    if (!absl::StrContains(head, "apikey: goes-key\r\n")) return HttpAnswer(404, "{}");
    if (!taken_back) return HttpAnswer(200, R"({"username":"Ann#7"})");
    // Long enough for an upload that does not wait to be committed.
    Pause(absl::Milliseconds(500));
    return HttpAnswer(404, R"({"message":"No user matching"})");
  });
  headers_["goes"] = {"apikey", "goes-key"};
  files_.Write("config.json", R"({"auth":{"approver_ids":["7"]}})");
  Start({"--config", files_.PathOf("config.json"), "--set", "auth.horde_lookup=true", "--set",
         absl::StrCat("auth.horde_url=", horde.url()), "--set", "auth.horde_cache_ttl=1s"});
  EXPECT_THAT(Import("goes", "before"), IsOk());
  const absl::Status refused = Import("goes", "late", [&taken_back] {
    taken_back = true;
    // The answer that was kept is over.
    Pause(absl::Milliseconds(1500));
  });
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(refused, HasReason("CREDENTIAL_INVALID"));
  const auto served = Served();
  EXPECT_TRUE(absl::StrContains(served, "\"before\"")) << served;
  EXPECT_FALSE(absl::StrContains(served, "\"late\"")) << served;
}

}  // namespace
}  // namespace modelref

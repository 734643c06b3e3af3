// An import whose caller loses the right to it before it is committed.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/error_codec.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "modelref/v1/write.grpc.pb.h"
#include "service/auth/tokens_editor.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Eventually;
using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;
using ::modelref::testing::Models;
using ::modelref::testing::ServerChild;
using ::modelref::testing::TempDir;

class ServerRevokedUploadTest : public ::testing::Test {
 protected:
  ServerRevokedUploadTest() {
    data_.Write("clip.json", Models(1, 3));
    tokens_ = files_.PathOf("tokens.json");
    server_ = std::make_unique<ServerChild>(data_.path(), Flags());
    const auto channel =
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    stub_ = v1::WriteService::NewStub(channel);
    reads_ = v1::ReferenceService::NewStub(channel);
  }

  std::vector<std::string> Flags() {
    for (const std::string id : {"stays", "goes"}) {
      const auto created = CreateToken(tokens_, {id, "", Role::kAdmin, absl::InfiniteFuture()},
                                       RealClock().TimeNow());
      EXPECT_THAT(created, IsOk());
      secrets_[id] = created.ok() ? created->secret : "";
    }
    return {"--set", absl::StrCat("auth.tokens_file=", tokens_)};
  }

  // Sends a header and the record `name` as `id`, does `between`, and commits.
  absl::Status Import(
      const std::string& id, const std::string& name,
      const std::function<void()>& between = [] {}) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", absl::StrCat("Bearer ", secrets_[id]));
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
    context.AddMetadata("authorization", absl::StrCat("Bearer ", secrets_["stays"]));
    v1::GetCategoryRequest request;
    request.set_category("clip");
    v1::GetCategoryResponse response;
    const grpc::Status status = reads_->GetCategory(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.json();
  }

  TempDir data_;
  TempDir files_;
  std::string tokens_;
  std::map<std::string, std::string> secrets_;
  std::unique_ptr<ServerChild> server_;
  std::unique_ptr<v1::WriteService::Stub> stub_;
  std::unique_ptr<v1::ReferenceService::Stub> reads_;
};

TEST_F(ServerRevokedUploadTest, NothingOfItIsImported) {
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

}  // namespace
}  // namespace modelref

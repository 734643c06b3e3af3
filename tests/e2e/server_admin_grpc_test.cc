// Reflection and channelz of a real modelrefd: on a port of their own, and nowhere else.

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::ServerChild;
using ::modelref::testing::TempDir;

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string TextOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  (void)buffer.Dump(&slices);
  std::string text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

// The answer to list_services, as bytes: names appear in them as they are.
grpc::Status ListServices(const std::string& address, std::string* answer) {
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  const grpc::internal::RpcMethod method(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      grpc::internal::RpcMethod::BIDI_STREAMING);
  grpc::ClientContext context;
  const std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          channel.get(), method, &context));
  // ServerReflectionRequest.list_services (7) = "*".
  stream->Write(BufferOf("\x3a\x01*"));
  stream->WritesDone();
  grpc::ByteBuffer response;
  while (stream->Read(&response)) *answer += TextOf(response);
  return stream->Finish();
}

grpc::Status GetServers(const std::string& address) {
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  const grpc::internal::RpcMethod method("/grpc.channelz.v1.Channelz/GetServers",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext context;
  const grpc::ByteBuffer request = BufferOf("");
  grpc::ByteBuffer response;
  return grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel.get(), method, &context, request, &response);
}

std::string AdminGrpcAddress(const ServerChild& server) {
  const std::vector<std::string> lines = server.LogLines("info", "server.started");
  if (lines.empty()) return "";
  const absl::StatusOr<Json> line = ParseJson(lines.front());
  if (!line.ok() || line->AsObject() == nullptr) return "";
  const Json* const address = line->AsObject()->Find("admin_grpc");
  return address == nullptr || address->AsString() == nullptr ? "" : *address->AsString();
}

TEST(AdminGrpcTest, ReflectionAndChannelzAreOnTheirOwnPortOnly) {
  const TempDir data;
  const ServerChild server(data.path(), {"--admin-grpc-listen", "127.0.0.1:0"});
  const std::string admin = AdminGrpcAddress(server);
  ASSERT_FALSE(admin.empty());
  std::string services;
  const grpc::Status listed = ListServices(admin, &services);
  EXPECT_TRUE(listed.ok()) << listed.error_message();
  for (const char* service : {"modelref.v1.ReferenceService", "modelref.v1.WatchService",
                              "modelref.v1.AdminService", "grpc.health.v1.Health"}) {
    EXPECT_TRUE(absl::StrContains(services, service)) << service;
  }
  EXPECT_TRUE(GetServers(admin).ok());

  services.clear();
  EXPECT_EQ(ListServices(server.address(), &services).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(services, "");
  EXPECT_EQ(GetServers(server.address()).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST(AdminGrpcTest, IsOffUnlessAskedFor) {
  const TempDir data;
  const ServerChild server(data.path());
  EXPECT_EQ(AdminGrpcAddress(server), "");
}

}  // namespace
}  // namespace modelref

#include "service/rpc/reflection_server.h"

#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <utility>
#include <vector>

#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "modelref/v1/admin.grpc.pb.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "modelref/v1/statistics.grpc.pb.h"
#include "modelref/v1/watch.grpc.pb.h"
#include "service/rpc/listen_address.h"
#include "service/rpc/listen_socket.h"

namespace modelref {
namespace {

constexpr int kMaxThreads = 8;

}  // namespace

// Generated services answer UNIMPLEMENTED to everything.
struct ReflectionServer::Services {
  grpc::health::v1::Health::Service health;
  v1::AdminService::Service admin;
  v1::ReferenceService::Service reference;
  v1::StatisticsService::Service statistics;
  v1::WatchService::Service watch;

  std::vector<grpc::Service*> all() { return {&health, &admin, &reference, &statistics, &watch}; }
};

ReflectionServer::ReflectionServer() : services_(std::make_unique<Services>()) {}

ReflectionServer::~ReflectionServer() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::time_point());
}

absl::StatusOr<std::unique_ptr<ReflectionServer>> ReflectionServer::Start(
    const std::string& address) {
  // gRPC only says no; this says why, and frees the address again.
  RETURN_IF_ERROR(OpenListenSockets(address, ListenSocketOptions()).status());
  // Idempotent; naming them makes the linker keep the libraries.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
  std::unique_ptr<ReflectionServer> self(new ReflectionServer());
  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("admin");
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  for (grpc::Service* service : self->services_->all()) builder.RegisterService(service);
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  self->server_ = builder.BuildAndStart();
  if (self->server_ == nullptr) {
    return Error(absl::StatusCode::kUnavailable, "LISTEN_FAILED",
                 "gRPC cannot serve on " + address + "; its log line says why");
  }
  self->address_ = WithPort(address, port);
  return self;
}

}  // namespace modelref

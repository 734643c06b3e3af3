#pragma once

// A modelref server in this process that answers as a test says: on the synchronous API, so that a
// handler is a plain function.

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "modelref/v1/admin.grpc.pb.h"
#include "modelref/v1/reference.grpc.pb.h"
#include "modelref/v1/statistics.grpc.pb.h"
#include "modelref/v1/watch.grpc.pb.h"
#include "modelref/v1/write.grpc.pb.h"

namespace modelref::testing {

template <typename Request, typename Response>
using UnaryHandler = std::function<absl::Status(const Request&, Response*)>;
template <typename Request, typename Response>
using StreamHandler = std::function<absl::Status(const Request&, grpc::ServerContext&,
                                                 grpc::ServerWriter<Response>&)>;

// Gets everything that the client sent, in its order.
template <typename Request, typename Response>
using UploadHandler = std::function<absl::Status(const std::vector<Request>&, Response*)>;

// What the server answers. A handler that is not set answers UNIMPLEMENTED. Handlers are called
// from threads of the server; set them before the first call.
struct FakeHandlers {
  UnaryHandler<v1::ListCategoriesRequest, v1::ListCategoriesResponse> list_categories;
  UnaryHandler<v1::GetCategoryRequest, v1::GetCategoryResponse> get_category;
  StreamHandler<v1::StreamCategoryRequest, v1::StreamCategoryResponse> stream_category;
  StreamHandler<v1::FetchAllCategoriesRequest, v1::FetchAllCategoriesResponse> fetch_all;
  UnaryHandler<v1::GetModelRequest, v1::GetModelResponse> get_model;
  UnaryHandler<v1::BatchGetModelsRequest, v1::BatchGetModelsResponse> batch_get_models;
  UnaryHandler<v1::ListModelsRequest, v1::ListModelsResponse> list_models;
  StreamHandler<v1::GetDeltaRequest, v1::GetDeltaResponse> get_delta;
  UnaryHandler<v1::GetCategoryStatisticsRequest, v1::GetCategoryStatisticsResponse> statistics;
  StreamHandler<v1::WatchRequest, v1::WatchResponse> watch;
  UnaryHandler<v1::GetHeadRequest, v1::GetHeadResponse> get_head;
  UnaryHandler<v1::GetServerInfoRequest, v1::GetServerInfoResponse> server_info;
  UnaryHandler<v1::MarkStaleRequest, v1::MarkStaleResponse> mark_stale;
  UnaryHandler<v1::ListHeldEditsRequest, v1::ListHeldEditsResponse> held_edits;
  UnaryHandler<v1::AcceptEditRequest, v1::AcceptEditResponse> accept_edit;
  UnaryHandler<v1::GetStatisticsRequest, v1::GetStatisticsResponse> server_statistics;
  UnaryHandler<v1::PutModelRequest, v1::PutModelResponse> put_model;
  UnaryHandler<v1::DeleteModelRequest, v1::DeleteModelResponse> delete_model;
  UnaryHandler<v1::WriteModelsRequest, v1::WriteModelsResponse> write_models;
  UploadHandler<v1::ImportCategoryRequest, v1::ImportCategoryResponse> import_category;
  UnaryHandler<grpc::health::v1::HealthCheckRequest, grpc::health::v1::HealthCheckResponse> health;
};

// Listens on a free loopback port from construction to destruction.
class FakeServer {
 public:
  // `port` 0: any.
  explicit FakeServer(FakeHandlers handlers, int port = 0);
  ~FakeServer();

  // "127.0.0.1:PORT".
  std::string address() const;
  int port() const { return port_; }
  // The value of a metadata key in the last call with one answer; empty: it was not sent.
  std::string last_metadata(const std::string& key) const;

 private:
  class Services;

  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

// An address of this machine where nothing listens.
std::string UnusedAddress();

}  // namespace modelref::testing

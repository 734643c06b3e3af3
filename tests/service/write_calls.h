#pragma once

// Writes as a client makes them.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "clients/cpp/error_codec.h"
#include "modelref/v1/write.grpc.pb.h"
#include "tests/service/service_fixture.h"

namespace modelref::testing {

class WriteCalls {
 public:
  explicit WriteCalls(ServiceFixture& server) : server_(server) {}

  absl::StatusOr<v1::PutModelResponse> Put(const v1::PutModelRequest& request) {
    return Call<v1::PutModelResponse>(request, &v1::WriteService::Stub::PutModel);
  }
  absl::StatusOr<v1::DeleteModelResponse> Delete(const v1::DeleteModelRequest& request) {
    return Call<v1::DeleteModelResponse>(request, &v1::WriteService::Stub::DeleteModel);
  }
  absl::StatusOr<v1::WriteModelsResponse> Write(const v1::WriteModelsRequest& request) {
    return Call<v1::WriteModelsResponse>(request, &v1::WriteService::Stub::WriteModels);
  }
  absl::StatusOr<v1::ImportCategoryResponse> Import(
      const std::vector<v1::ImportCategoryRequest>& parts) {
    grpc::ClientContext context;
    v1::ImportCategoryResponse response;
    const auto writer = server_.writes().ImportCategory(&context, &response);
    for (const v1::ImportCategoryRequest& part : parts) {
      if (!writer->Write(part)) break;
    }
    writer->WritesDone();
    const absl::Status status = FromGrpcStatus(writer->Finish());
    if (!status.ok()) return status;
    return response;
  }

 private:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const Request& request,
                                grpc::Status (v1::WriteService::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*)) {
    grpc::ClientContext context;
    Response response;
    const absl::Status status =
        FromGrpcStatus((server_.writes().*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  ServiceFixture& server_;
};

inline v1::PutModelRequest PutRequest(const std::string& category, const std::string& name,
                                      const std::string& json) {
  v1::PutModelRequest request;
  request.set_category(category);
  request.set_name(name);
  request.set_json(json);
  return request;
}

inline v1::DeleteModelRequest DeleteRequest(const std::string& category, const std::string& name) {
  v1::DeleteModelRequest request;
  request.set_category(category);
  request.set_name(name);
  return request;
}

}  // namespace modelref::testing

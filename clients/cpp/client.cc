#include "clients/cpp/client.h"

#include <utility>

#include "absl/memory/memory.h"
#include "clients/cpp/client_impl.h"
#include "clients/cpp/watch_reader.h"

namespace modelref {

using ReferenceStub = v1::ReferenceService::Stub;
using AdminStub = v1::AdminService::Stub;

absl::StatusOr<std::unique_ptr<Client>> Client::Create(const ClientOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(options));
  return absl::WrapUnique(new Client(std::make_unique<Impl>(std::move(connection))));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

absl::StatusOr<v1::ListCategoriesResponse> Client::ListCategories(
    const v1::ListCategoriesRequest& request, const CallOptions& call) {
  return impl_->Read(*impl_->reference, &ReferenceStub::ListCategories, request, call);
}

absl::StatusOr<v1::GetCategoryResponse> Client::GetCategory(const v1::GetCategoryRequest& request,
                                                            const CallOptions& call) {
  return impl_->Read(*impl_->reference, &ReferenceStub::GetCategory, request, call);
}

absl::StatusOr<v1::GetModelResponse> Client::GetModel(const v1::GetModelRequest& request,
                                                      const CallOptions& call) {
  return impl_->Read(*impl_->reference, &ReferenceStub::GetModel, request, call);
}

absl::StatusOr<v1::BatchGetModelsResponse> Client::BatchGetModels(
    const v1::BatchGetModelsRequest& request, const CallOptions& call) {
  return impl_->Read(*impl_->reference, &ReferenceStub::BatchGetModels, request, call);
}

absl::StatusOr<v1::ListModelsResponse> Client::ListModels(const v1::ListModelsRequest& request,
                                                          const CallOptions& call) {
  return impl_->Read(*impl_->reference, &ReferenceStub::ListModels, request, call);
}

ModelPages Client::ListModelPages(const v1::ListModelsRequest& request, const CallOptions& call) {
  return ModelPages(this, request, call);
}

absl::StatusOr<v1::GetCategoryStatisticsResponse> Client::GetCategoryStatistics(
    const v1::GetCategoryStatisticsRequest& request, const CallOptions& call) {
  return impl_->Read(*impl_->reference, &ReferenceStub::GetCategoryStatistics, request, call);
}

absl::StatusOr<std::unique_ptr<WatchStream>> Client::Watch(const v1::WatchRequest& request,
                                                           const CallOptions& call) {
  const absl::Time deadline = impl_->connection->Deadline(call, absl::InfiniteDuration());
  impl_->connection->AwaitReady(impl_->connection->watch_channel(), deadline, call.cancellation);
  auto source = std::make_unique<GrpcMessageSource<v1::WatchResponse>>(
      *impl_->connection, deadline, call.cancellation,
      [&](grpc::ClientContext* context) { return impl_->watch->Watch(context, request); });
  return std::unique_ptr<WatchStream>(std::make_unique<WatchReader>(std::move(source)));
}

absl::StatusOr<v1::GetHeadResponse> Client::GetHead(const v1::GetHeadRequest& request,
                                                    const CallOptions& call) {
  return impl_->Read(*impl_->head, &v1::WatchService::Stub::GetHead, request, call);
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo(const CallOptions& call) {
  return impl_->Read(*impl_->admin, &AdminStub::GetServerInfo, v1::GetServerInfoRequest(), call);
}

absl::StatusOr<v1::CheckDependenciesResponse> Client::CheckDependencies(const CallOptions& call) {
  return impl_->Read(*impl_->admin, &AdminStub::CheckDependencies, v1::CheckDependenciesRequest(),
                     call);
}

absl::StatusOr<v1::WhoAmIResponse> Client::WhoAmI(const CallOptions& call) {
  return impl_->Read(*impl_->admin, &AdminStub::WhoAmI, v1::WhoAmIRequest(), call);
}

absl::StatusOr<v1::GetStatisticsResponse> Client::GetStatistics(const CallOptions& call) {
  return impl_->Read(*impl_->statistics, &v1::StatisticsService::Stub::GetStatistics,
                     v1::GetStatisticsRequest(), call);
}

absl::StatusOr<v1::WarmCacheResponse> Client::WarmCache(const v1::WarmCacheRequest& request,
                                                        const CallOptions& call) {
  return impl_->CallOnce(*impl_->admin, &AdminStub::WarmCache, request, call);
}

absl::StatusOr<v1::MarkStaleResponse> Client::MarkStale(const v1::MarkStaleRequest& request,
                                                        const CallOptions& call) {
  return impl_->CallOnce(*impl_->admin, &AdminStub::MarkStale, request, call);
}

absl::StatusOr<v1::ListHeldEditsResponse> Client::ListHeldEdits(
    const v1::ListHeldEditsRequest& request, const CallOptions& call) {
  return impl_->Read(*impl_->admin, &AdminStub::ListHeldEdits, request, call);
}

absl::StatusOr<v1::AcceptEditResponse> Client::AcceptEdit(const v1::AcceptEditRequest& request,
                                                          const CallOptions& call) {
  return impl_->CallOnce(*impl_->admin, &AdminStub::AcceptEdit, request, call);
}

absl::StatusOr<Client::Serving> Client::CheckHealth(const std::string& service,
                                                    const CallOptions& call) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  ASSIGN_OR_RETURN(
      const grpc::health::v1::HealthCheckResponse response,
      impl_->Read(*impl_->health, &grpc::health::v1::Health::Stub::Check, request, call));
  switch (response.status()) {
    case grpc::health::v1::HealthCheckResponse::SERVING:
      return Serving::kServing;
    case grpc::health::v1::HealthCheckResponse::NOT_SERVING:
      return Serving::kNotServing;
    default:
      return Serving::kUnknown;
  }
}

}  // namespace modelref

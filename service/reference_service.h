#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "service/catalogue.h"
#include "service/category_statistics.h"
#include "service/document_json_cache.h"
#include "service/model_listing.h"
#include "service/rpc/executor.h"
#include "service/rpc/method_table.h"

namespace modelref {

// modelref.v1.ReferenceService but for GetDelta. Thread-safe.
class ReferenceService {
 public:
  // Everything in `catalogue`, and `executor`, must outlive the service; the service must outlive
  // the server.
  ReferenceService(Catalogue catalogue, RefreshPolicy may_refresh, Executor& executor);

  void Register(MethodTable* methods);

 private:
  absl::StatusOr<v1::ListCategoriesResponse> ListCategories(
      const v1::ListCategoriesRequest& request);
  absl::StatusOr<grpc::ByteBuffer> GetCategory(const CallContext& context,
                                               const v1::GetCategoryRequest& request);
  absl::StatusOr<v1::GetModelResponse> GetModel(const CallContext& context,
                                                const v1::GetModelRequest& request);
  absl::StatusOr<v1::BatchGetModelsResponse> BatchGetModels(
      const CallContext& context, const v1::BatchGetModelsRequest& request);
  absl::StatusOr<v1::ListModelsResponse> ListModels(const CallContext& context,
                                                    const v1::ListModelsRequest& request);
  absl::StatusOr<v1::GetCategoryStatisticsResponse> GetCategoryStatistics(
      const CallContext& context, const v1::GetCategoryStatisticsRequest& request);
  absl::StatusOr<std::unique_ptr<StreamSource>> StreamCategory(
      const CallContext& context, const v1::StreamCategoryRequest& request, Waker waker);
  absl::StatusOr<std::unique_ptr<StreamSource>> FetchAllCategories(
      const CallContext& context, const v1::FetchAllCategoriesRequest& request, Waker waker);

  // What every unary read begins with: checks, the refresh if one was asked for, the document.
  template <typename Request>
  absl::StatusOr<DocumentView> Open(const CallContext& context, const Request& request);
  absl::StatusOr<grpc::ByteBuffer> CategoryBytes(const DocumentView& view, bool source_text);

  const Catalogue catalogue_;
  const RefreshPolicy may_refresh_;
  Executor& executor_;
  DocumentJsonCache json_cache_;
  ModelIndexCache index_cache_;
  CategoryStatisticsCache statistics_cache_;
};

}  // namespace modelref

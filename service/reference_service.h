#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "service/catalogue.h"
#include "service/category_statistics.h"
#include "service/document_json_cache.h"
#include "service/gzip_cache.h"
#include "service/model_listing.h"
#include "service/read_method.h"
#include "service/rpc/executor.h"
#include "service/rpc/method_table.h"
#include "service/watch/position_waiter.h"

namespace modelref {

// modelref.v1.ReferenceService. Thread-safe.
class ReferenceService {
 public:
  // Everything in `catalogue`, `positions` and `executor` must outlive the calls; the service must
  // outlive the server.
  ReferenceService(Catalogue catalogue, RefreshPolicy may_refresh, PositionWaiter& positions,
                   Executor& executor, GzipCache::Options gzip = {});

  void Register(MethodTable* methods);

 private:
  absl::StatusOr<v1::ListCategoriesResponse> ListCategories(
      const v1::ListCategoriesRequest& request);
  absl::StatusOr<grpc::ByteBuffer> GetCategory(const DocumentKey& key,
                                               const v1::GetCategoryRequest& request,
                                               AnswerOptions options);
  absl::StatusOr<grpc::ByteBuffer> GetModel(const DocumentKey& key,
                                            const v1::GetModelRequest& request);
  absl::StatusOr<grpc::ByteBuffer> BatchGetModels(const DocumentKey& key,
                                                  const v1::BatchGetModelsRequest& request);
  absl::StatusOr<grpc::ByteBuffer> ListModels(const DocumentKey& key,
                                              const v1::ListModelsRequest& request);
  absl::StatusOr<grpc::ByteBuffer> GetCategoryStatistics(
      const DocumentKey& key, const v1::GetCategoryStatisticsRequest& request);
  absl::StatusOr<std::unique_ptr<StreamSource>> StreamCategory(
      const CallContext& context, const v1::StreamCategoryRequest& request, const Waker& waker);
  absl::StatusOr<std::unique_ptr<StreamSource>> FetchAllCategories(
      const CallContext& context, const v1::FetchAllCategoriesRequest& request, const Waker& waker);
  absl::StatusOr<std::unique_ptr<StreamSource>> GetDelta(const CallContext& context,
                                                         const v1::GetDeltaRequest& request,
                                                         const Waker& waker);

  // Registers a unary read of one document.
  template <typename Request, typename... Options>
  void AddUnaryRead(MethodTable* methods, absl::string_view method,
                    absl::StatusOr<grpc::ByteBuffer> (ReferenceService::*answer)(const DocumentKey&,
                                                                                 const Request&,
                                                                                 Options...));
  template <typename Request>
  void AddStream(MethodTable* methods, absl::string_view method,
                 absl::StatusOr<std::unique_ptr<StreamSource>> (ReferenceService::*open)(
                     const CallContext&, const Request&, const Waker&));
  absl::StatusOr<std::shared_ptr<const std::string>> CategoryJson(const DocumentState& state,
                                                                  const SourceText* source);

  const Catalogue catalogue_;
  const RefreshPolicy may_refresh_;
  SourceTextCache source_texts_;
  const ReadMeans means_;
  DocumentJsonCache json_cache_;
  GzipCache gzip_cache_;
  ModelIndexCache index_cache_;
  CategoryStatisticsCache statistics_cache_;
};

}  // namespace modelref

#pragma once

// A client of one modelref server: blocking calls with deadlines, retries of reads, and documents
// that are verified by their etags.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cpp/category_stream.h"
#include "clients/cpp/client_options.h"
#include "clients/cpp/fetched_delta.h"
#include "clients/cpp/fetched_document.h"
#include "clients/cpp/model_pages.h"
#include "clients/cpp/record_source.h"
#include "clients/cpp/watch_stream.h"
#include "modelref/v1/admin.pb.h"
#include "modelref/v1/metadata.pb.h"
#include "modelref/v1/reference.pb.h"
#include "modelref/v1/statistics.pb.h"
#include "modelref/v1/watch.pb.h"
#include "modelref/v1/write.pb.h"

namespace modelref {

// Thread-safe: any number of threads may call at the same time. Streams and pages must not outlive
// the client. Nothing is sent before the first call.
//
// Errors are those of the server, with reason and extras (backends/base/error.h), and
//   UNAVAILABLE        nobody answered; reads and writes were repeated as RetryOptions say.
//   DEADLINE_EXCEEDED  the deadline passed, retries included.
//   CANCELLED          by CallOptions.cancellation.
//   DATA_LOSS (`INTEGRITY_FAILURE`)  content does not have its etag.
class Client {
 public:
  //   INVALID_ARGUMENT     (`BAD_ADDRESS`, `BAD_CREDENTIAL`) options that make no sense.
  //   FAILED_PRECONDITION  (`PLAINTEXT_CREDENTIAL`) the credential would be readable on the way.
  static absl::StatusOr<std::unique_ptr<Client>> Create(const ClientOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Reading the catalogue (reference.proto). All are repeated when the server is unavailable.
  absl::StatusOr<v1::ListCategoriesResponse> ListCategories(
      const v1::ListCategoriesRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::GetCategoryResponse> GetCategory(const v1::GetCategoryRequest& request,
                                                      const CallOptions& call = {});
  absl::StatusOr<v1::GetModelResponse> GetModel(const v1::GetModelRequest& request,
                                                const CallOptions& call = {});
  absl::StatusOr<v1::BatchGetModelsResponse> BatchGetModels(
      const v1::BatchGetModelsRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::ListModelsResponse> ListModels(const v1::ListModelsRequest& request,
                                                    const CallOptions& call = {});
  // All pages of a listing, from request.page_token on.
  ModelPages ListModelPages(const v1::ListModelsRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::GetCategoryStatisticsResponse> GetCategoryStatistics(
      const v1::GetCategoryStatisticsRequest& request, const CallOptions& call = {});

  // Documents. StreamCategory returns when the header has arrived; memory is one part (256 KiB) or
  // one record.
  absl::StatusOr<std::unique_ptr<CategoryStream>> StreamCategory(
      const v1::StreamCategoryRequest& request, const CallOptions& call = {});
  // A document of any size in memory: by GetCategory, or by StreamCategory where the server says
  // `USE_STREAM_CATEGORY`. A document that changes during a resumed transfer is fetched anew, up to
  // three times. RESOURCE_EXHAUSTED (`DOCUMENT_TOO_LARGE`) above max_document_bytes.
  absl::StatusOr<FetchedDocument> FetchCategory(const v1::GetCategoryRequest& request,
                                                const CallOptions& call = {});
  // What changed in a document since the caller's copy, in memory; a broken transfer is started
  // again. The records have their etags; the etag of the whole is checked by who applies the delta.
  absl::StatusOr<FetchedDelta> FetchDelta(const v1::GetDeltaRequest& request,
                                          const CallOptions& call = {});
  // All documents in memory. A broken transfer is started again for the documents that are missing.
  absl::StatusOr<FetchedCatalogue> FetchAllCategories(const v1::FetchAllCategoriesRequest& request,
                                                      const CallOptions& call = {});

  // Changes (watch.proto). A stream has no deadline unless `call` sets one and is not retried.
  absl::StatusOr<std::unique_ptr<WatchStream>> Watch(const v1::WatchRequest& request,
                                                     const CallOptions& call = {});
  absl::StatusOr<v1::GetHeadResponse> GetHead(const v1::GetHeadRequest& request,
                                              const CallOptions& call = {});

  // Counters and times of documents (metadata.proto). Population is not repeated.
  absl::StatusOr<v1::GetCategoryMetadataResponse> GetCategoryMetadata(
      const v1::GetCategoryMetadataRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::ListCategoryMetadataResponse> ListCategoryMetadata(
      const v1::ListCategoryMetadataRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::GetLastUpdatedResponse> GetLastUpdated(
      const v1::GetLastUpdatedRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::PopulateMetadataResponse> PopulateMetadata(
      const v1::PopulateMetadataRequest& request, const CallOptions& call = {});
  // Writing (write.proto). A request without a `request_id` gets one, and all are repeated with it
  // when the server is unavailable: what was written is not written twice. UNAVAILABLE and
  // DEADLINE_EXCEEDED leave open whether it was written; a caller that wants to know chooses the id
  // and makes the same call again.
  absl::StatusOr<v1::PutModelResponse> PutModel(const v1::PutModelRequest& request,
                                                const CallOptions& call = {});
  absl::StatusOr<v1::DeleteModelResponse> DeleteModel(const v1::DeleteModelRequest& request,
                                                      const CallOptions& call = {});
  absl::StatusOr<v1::WriteModelsResponse> WriteModels(const v1::WriteModelsRequest& request,
                                                      const CallOptions& call = {});
  // A document of any size in one transaction, within transfer_timeout; memory is 512 KiB and one
  // record. Repeated when `records` can be read again; the errors of `records` are returned.
  absl::StatusOr<v1::ImportCategoryResponse> ImportCategory(const v1::ImportHeader& header,
                                                            RecordSource& records,
                                                            const CallOptions& call = {});

  // Operating (admin.proto, statistics.proto). Only those that change nothing are repeated.
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(const CallOptions& call = {});
  absl::StatusOr<v1::CheckDependenciesResponse> CheckDependencies(const CallOptions& call = {});
  absl::StatusOr<v1::WhoAmIResponse> WhoAmI(const CallOptions& call = {});
  absl::StatusOr<v1::GetStatisticsResponse> GetStatistics(const CallOptions& call = {});
  absl::StatusOr<v1::WarmCacheResponse> WarmCache(const v1::WarmCacheRequest& request,
                                                  const CallOptions& call = {});
  absl::StatusOr<v1::MarkStaleResponse> MarkStale(const v1::MarkStaleRequest& request,
                                                  const CallOptions& call = {});
  absl::StatusOr<v1::ListHeldEditsResponse> ListHeldEdits(const v1::ListHeldEditsRequest& request,
                                                          const CallOptions& call = {});
  absl::StatusOr<v1::AcceptEditResponse> AcceptEdit(const v1::AcceptEditRequest& request,
                                                    const CallOptions& call = {});

  // What grpc.health.v1 says about a service; "" is the server as a whole.
  //   NOT_FOUND  the server knows no such service.
  enum class Serving { kUnknown, kServing, kNotServing };
  absl::StatusOr<Serving> CheckHealth(const std::string& service = "",
                                      const CallOptions& call = {});

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace modelref

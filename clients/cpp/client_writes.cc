// The methods of Client that change the catalogue.

#include <utility>

#include "clients/cpp/category_upload.h"
#include "clients/cpp/client.h"
#include "clients/cpp/client_impl.h"

namespace modelref {

using WriteStub = v1::WriteService::Stub;

absl::StatusOr<v1::PutModelResponse> Client::PutModel(const v1::PutModelRequest& request,
                                                      const CallOptions& call) {
  return impl_->Write(*impl_->writes, &WriteStub::PutModel, request, call);
}

absl::StatusOr<v1::DeleteModelResponse> Client::DeleteModel(const v1::DeleteModelRequest& request,
                                                            const CallOptions& call) {
  return impl_->Write(*impl_->writes, &WriteStub::DeleteModel, request, call);
}

absl::StatusOr<v1::WriteModelsResponse> Client::WriteModels(const v1::WriteModelsRequest& request,
                                                            const CallOptions& call) {
  return impl_->Write(*impl_->writes, &WriteStub::WriteModels, request, call);
}

absl::StatusOr<v1::ImportCategoryResponse> Client::ImportCategory(const v1::ImportHeader& header,
                                                                  RecordSource& records,
                                                                  const CallOptions& call) {
  const v1::ImportHeader identified = WithRequestId(header);
  const absl::Time deadline = impl_->TransferDeadline(call);
  impl_->AwaitServer(deadline, call.cancellation);
  for (int retry = 0;; ++retry) {
    CategoryUpload upload(*impl_->connection, *impl_->writes, deadline, call.cancellation);
    absl::StatusOr<v1::ImportCategoryResponse> response = upload.Run(identified, records);
    if (response.ok()) impl_->retrier.RecordSuccess();
    if (!absl::IsUnavailable(response.status()) || upload.source_failed()) return response;
    if (!records.Rewind().ok()) return response;
    if (!impl_->retrier.WaitToRetry(response.status(), retry, deadline, call.cancellation)) {
      return response;
    }
    impl_->connection->AwaitConnected(impl_->connection->channel(), deadline, call.cancellation);
  }
}

}  // namespace modelref

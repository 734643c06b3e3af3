// The methods of Client that transfer whole documents.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "clients/cpp/catalogue_fetcher.h"
#include "clients/cpp/category_transfer.h"
#include "clients/cpp/client.h"
#include "clients/cpp/client_impl.h"
#include "clients/cpp/delta_reader.h"
#include "clients/cpp/document_parts.h"

namespace modelref {
namespace {

// How often a document that changes during its transfer is started anew.
constexpr int kMaxTransferStarts = 3;

v1::StreamCategoryRequest ToStreamRequest(const v1::GetCategoryRequest& request) {
  v1::StreamCategoryRequest stream;
  stream.set_category(request.category());
  stream.set_format(request.format());
  stream.set_representation(request.representation());
  stream.set_if_none_match(request.if_none_match());
  if (request.has_read()) *stream.mutable_read() = request.read();
  return stream;
}

absl::Status ReadInto(CategoryStream& stream, bool source_text, DocumentAssembler* document) {
  if (source_text) {
    std::string bytes;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, stream.NextBytes(&bytes));
      if (!more) return absl::OkStatus();
      RETURN_IF_ERROR(document->AddBytes(bytes));
    }
  }
  v1::Record record;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, stream.NextRecord(&record));
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(document->AddRecord(record));
  }
}

absl::Status VerifyAnswer(const v1::GetCategoryRequest& request,
                          const v1::GetCategoryResponse& response) {
  if (response.has_not_modified()) return absl::OkStatus();
  if (request.representation() != v1::REPRESENTATION_SOURCE_TEXT) {
    return VerifyDocument(response.json(), response.etag());
  }
  if (AsBytes(Sha256(response.json())) == response.etag()) return absl::OkStatus();
  return IntegrityFailure("the source text does not have its etag");
}

FetchedDocument ToDocument(const v1::GetCategoryRequest& request,
                           v1::GetCategoryResponse response) {
  FetchedDocument document;
  document.header = std::move(*response.mutable_header());
  document.category = request.category();
  document.mod_revision = response.mod_revision();
  document.etag = std::move(*response.mutable_etag());
  document.not_modified = response.has_not_modified();
  if (!document.not_modified) document.content = std::move(*response.mutable_json());
  return document;
}

// Which of the two sides cancelled cannot be seen from the status of a stream.
absl::Status CheckCancelled(const CallOptions& call) {
  if (call.cancellation == nullptr || !call.cancellation->cancelled()) return absl::OkStatus();
  return absl::CancelledError("cancelled by the caller");
}

absl::StatusOr<FetchedDocument> FetchByStream(Client& client,
                                              const v1::StreamCategoryRequest& request,
                                              size_t max_bytes, const CallOptions& call) {
  ASSIGN_OR_RETURN(const std::unique_ptr<CategoryStream> stream,
                   client.StreamCategory(request, call));
  const bool source_text = request.representation() == v1::REPRESENTATION_SOURCE_TEXT;
  DocumentAssembler builder(stream->response_header(), stream->header(), source_text, max_bytes);
  RETURN_IF_ERROR(ReadInto(*stream, source_text, &builder));
  return std::move(builder).Finish();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CategoryStream>> Client::StreamCategory(
    const v1::StreamCategoryRequest& request, const CallOptions& call) {
  const absl::Time deadline = impl_->TransferDeadline(call);
  impl_->connection->AwaitReady(impl_->connection->channel(), deadline, call.cancellation);
  const auto open = [impl = impl_.get(), deadline,
                     cancellation = call.cancellation](const v1::StreamCategoryRequest& again) {
    return std::unique_ptr<MessageSource<v1::StreamCategoryResponse>>(
        std::make_unique<GrpcMessageSource<v1::StreamCategoryResponse>>(
            *impl->connection, deadline, cancellation, [&](grpc::ClientContext* context) {
              return impl->reference->StreamCategory(context, again);
            }));
  };
  auto transfer = std::make_unique<CategoryTransfer>(request, open, deadline,
                                                     impl_->connection->options().max_record_bytes,
                                                     impl_->retrier, call.cancellation);
  RETURN_IF_ERROR(transfer->Open());
  return std::unique_ptr<CategoryStream>(std::move(transfer));
}

absl::StatusOr<FetchedDocument> Client::FetchCategory(const v1::GetCategoryRequest& request,
                                                      const CallOptions& call) {
  absl::StatusOr<v1::GetCategoryResponse> answer = GetCategory(request, call);
  if (answer.ok()) {
    RETURN_IF_ERROR(VerifyAnswer(request, *answer));
    return ToDocument(request, *std::move(answer));
  }
  if (ReasonOf(answer.status()) != "USE_STREAM_CATEGORY") return std::move(answer).status();
  const size_t max_bytes = impl_->connection->options().max_document_bytes;
  for (int start = 1;; ++start) {
    absl::StatusOr<FetchedDocument> document =
        FetchByStream(*this, ToStreamRequest(request), max_bytes, call);
    if (!absl::IsAborted(document.status()) || start == kMaxTransferStarts) return document;
  }
}

absl::StatusOr<FetchedDelta> Client::FetchDelta(const v1::GetDeltaRequest& request,
                                                const CallOptions& call) {
  const absl::Time deadline = impl_->TransferDeadline(call);
  impl_->connection->AwaitReady(impl_->connection->channel(), deadline, call.cancellation);
  const ClientOptions& options = impl_->connection->options();
  for (int retry = 0;; ++retry) {
    GrpcMessageSource<v1::GetDeltaResponse> source(
        *impl_->connection, deadline, call.cancellation,
        [&](grpc::ClientContext* context) { return impl_->reference->GetDelta(context, request); });
    DeltaReader reader(options.max_document_bytes, options.max_record_bytes);
    const absl::Status status = reader.Run(source);
    if (status.ok()) {
      impl_->retrier.RecordSuccess();
      return std::move(reader).Take();
    }
    RETURN_IF_ERROR(CheckCancelled(call));
    if (!absl::IsUnavailable(status)) return status;
    if (!impl_->retrier.WaitToRetry(status, retry, deadline, call.cancellation)) return status;
  }
}

absl::StatusOr<FetchedCatalogue> Client::FetchAllCategories(
    const v1::FetchAllCategoriesRequest& request, const CallOptions& call) {
  const absl::Time deadline = impl_->TransferDeadline(call);
  impl_->connection->AwaitReady(impl_->connection->channel(), deadline, call.cancellation);
  CatalogueFetcher fetcher(request, impl_->connection->options());
  for (int retry = 0;; ++retry) {
    GrpcMessageSource<v1::FetchAllCategoriesResponse> source(
        *impl_->connection, deadline, call.cancellation, [&](grpc::ClientContext* context) {
          return impl_->reference->FetchAllCategories(context, fetcher.request());
        });
    const absl::Status status = fetcher.Run(source);
    if (status.ok()) break;
    RETURN_IF_ERROR(CheckCancelled(call));
    if (!absl::IsUnavailable(status)) return status;
    if (!impl_->retrier.WaitToRetry(status, retry, deadline, call.cancellation)) return status;
  }
  impl_->retrier.RecordSuccess();
  return std::move(fetcher).Take();
}

}  // namespace modelref

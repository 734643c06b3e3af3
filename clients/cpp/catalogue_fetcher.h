#pragma once

// Assembling documents in memory from their parts. Internal to clients/cpp. Single-threaded.

#include <optional>
#include <string>

#include "clients/cpp/client_options.h"
#include "clients/cpp/document_parts.h"
#include "clients/cpp/fetched_document.h"
#include "clients/cpp/message_source.h"

namespace modelref {

// Writes one document from its verified records or bytes.
class DocumentAssembler {
 public:
  DocumentAssembler(const v1::ResponseHeader& response, const v1::CategoryHeader& header,
                    bool source_text, size_t max_bytes);

  // RESOURCE_EXHAUSTED (`DOCUMENT_TOO_LARGE`) above the limit.
  absl::Status AddRecord(const v1::Record& record);
  absl::Status AddBytes(absl::string_view bytes);
  FetchedDocument Finish() &&;

 private:
  absl::Status CheckSize(size_t more) const;

  const bool source_text_;
  const size_t max_bytes_;
  FetchedDocument document_;
};

// Reads a FetchAllCategories stream. When it breaks, Run() goes on with a new one: documents that
// were complete are named as known, so that only the rest is sent again.
class CatalogueFetcher {
 public:
  CatalogueFetcher(v1::FetchAllCategoriesRequest request, const ClientOptions& options);

  const v1::FetchAllCategoriesRequest& request() const { return request_; }

  // UNAVAILABLE: call again with a new stream of request().
  absl::Status Run(MessageSource<v1::FetchAllCategoriesResponse>& source);
  FetchedCatalogue Take() && { return std::move(catalogue_); }

 private:
  using Part = v1::FetchAllCategoriesResponse;

  absl::Status TakePart(Part part);
  absl::Status TakeBatch(v1::RecordBatch batch);
  absl::Status Begin(const Part& part);
  absl::Status End(const v1::CategoryEnd& end);
  void TakeError(const v1::CategoryError& error);
  void RememberKnown(const FetchedDocument& document);

  v1::FetchAllCategoriesRequest request_;
  const bool source_text_;
  const size_t max_document_bytes_;
  FetchedCatalogue catalogue_;
  // The document that is arriving.
  std::optional<v1::CategoryHeader> header_;
  std::optional<DocumentAssembler> builder_;
  std::optional<DocumentVerifier> verifier_;
  RecordJoiner joiner_;
};

}  // namespace modelref

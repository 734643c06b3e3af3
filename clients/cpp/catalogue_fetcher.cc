#include "clients/cpp/catalogue_fetcher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"

namespace modelref {

DocumentAssembler::DocumentAssembler(const v1::ResponseHeader& response,
                                     const v1::CategoryHeader& header, bool source_text,
                                     size_t max_bytes)
    : source_text_(source_text), max_bytes_(max_bytes) {
  document_.header = response;
  document_.category = header.category();
  document_.mod_revision = header.mod_revision();
  document_.etag = header.etag();
  document_.not_modified = header.not_modified();
  if (document_.not_modified) return;
  // The size is the server's word; a wrong one must not cost more than the limit.
  document_.content.reserve(std::min<uint64_t>(header.size_bytes() + 2, max_bytes_));
  if (!source_text_) document_.content.push_back('{');
}

absl::Status DocumentAssembler::CheckSize(size_t more) const {
  if (document_.content.size() + more <= max_bytes_) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "DOCUMENT_TOO_LARGE",
               absl::StrCat("category ", document_.category, " is larger than ", max_bytes_,
                            " bytes; read it as a stream"));
}

absl::Status DocumentAssembler::AddRecord(const v1::Record& record) {
  RETURN_IF_ERROR(CheckSize(record.name().size() + record.json().size()));
  if (document_.content.size() > 1) document_.content.push_back(',');
  AppendCanonicalString(record.name(), &document_.content);
  document_.content.push_back(':');
  document_.content.append(record.json());
  return absl::OkStatus();
}

absl::Status DocumentAssembler::AddBytes(absl::string_view bytes) {
  RETURN_IF_ERROR(CheckSize(bytes.size()));
  document_.content.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

FetchedDocument DocumentAssembler::Finish() && {
  if (!document_.not_modified && !source_text_) document_.content.push_back('}');
  return std::move(document_);
}

CatalogueFetcher::CatalogueFetcher(v1::FetchAllCategoriesRequest request,
                                   const ClientOptions& options)
    : request_(std::move(request)),
      source_text_(request_.representation() == v1::REPRESENTATION_SOURCE_TEXT),
      max_document_bytes_(options.max_document_bytes),
      joiner_(options.max_record_bytes) {}

absl::Status CatalogueFetcher::Run(MessageSource<Part>& source) {
  header_.reset();
  joiner_.Reset();
  Part part;
  while (source.Read(&part)) {
    RETURN_IF_ERROR(TakePart(std::move(part)));
    part.Clear();
  }
  absl::Status status = source.Finish();
  if (absl::IsCancelled(status)) return absl::UnavailableError(status.message());
  if (status.ok() && header_.has_value()) {
    return absl::UnavailableError("the transfer ended inside a document");
  }
  return status;
}

absl::Status CatalogueFetcher::TakePart(Part part) {
  catalogue_.header = part.header();
  switch (part.part_case()) {
    case Part::kCategoryHeader:
      return Begin(part);
    case Part::kCategoryError:
      TakeError(part.category_error());
      return absl::OkStatus();
    case Part::kRecordBatch:
      if (!header_.has_value() || source_text_) break;
      return TakeBatch(std::move(*part.mutable_record_batch()));
    case Part::kRawChunk:
      if (!header_.has_value() || !source_text_) break;
      verifier_->AddBytes(part.raw_chunk().data());
      return builder_->AddBytes(part.raw_chunk().data());
    case Part::kCategoryEnd:
      if (!header_.has_value()) break;
      return End(part.category_end());
    case Part::PART_NOT_SET:
      break;
  }
  return IntegrityFailure("a part of the stream is of an unexpected kind");
}

absl::Status CatalogueFetcher::Begin(const Part& part) {
  if (header_.has_value()) {
    return IntegrityFailure(absl::StrCat("category ", header_->category(), " has no end"));
  }
  header_ = part.category_header();
  builder_.emplace(part.header(), *header_, source_text_, max_document_bytes_);
  verifier_.emplace(source_text_);
  return absl::OkStatus();
}

absl::Status CatalogueFetcher::TakeBatch(v1::RecordBatch batch) {
  std::vector<v1::Record> whole;
  RETURN_IF_ERROR(joiner_.Add(std::move(batch), &whole));
  for (const v1::Record& record : whole) {
    verifier_->AddRecord(record);
    RETURN_IF_ERROR(builder_->AddRecord(record));
  }
  return absl::OkStatus();
}

absl::Status CatalogueFetcher::End(const v1::CategoryEnd& end) {
  const v1::CategoryHeader header = *std::exchange(header_, std::nullopt);
  if (joiner_.incomplete()) return IntegrityFailure("the last record is incomplete");
  const auto held = catalogue_.documents.find(header.category());
  // Fetched before the stream broke, and still current.
  if (header.not_modified() && held != catalogue_.documents.end() && held->second.ok()) {
    return absl::OkStatus();
  }
  if (!header.not_modified()) RETURN_IF_ERROR(verifier_->Finish(header, end));
  FetchedDocument document = std::move(*builder_).Finish();
  RememberKnown(document);
  catalogue_.documents.insert_or_assign(header.category(), std::move(document));
  return absl::OkStatus();
}

void CatalogueFetcher::RememberKnown(const FetchedDocument& document) {
  for (v1::KnownDocument& known : *request_.mutable_known()) {
    if (known.category() != document.category) continue;
    known.set_etag(document.etag);
    return;
  }
  v1::KnownDocument* known = request_.add_known();
  known->set_category(document.category);
  known->set_etag(document.etag);
}

void CatalogueFetcher::TakeError(const v1::CategoryError& error) {
  absl::StatusCode code = static_cast<absl::StatusCode>(error.code());
  if (code == absl::StatusCode::kOk) code = absl::StatusCode::kUnknown;
  catalogue_.documents.insert_or_assign(error.category(),
                                        Error(code, error.reason(), error.message()));
}

}  // namespace modelref

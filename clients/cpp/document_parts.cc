#include "clients/cpp/document_parts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/document_scanner.h"

namespace modelref {
namespace {

Etag ToEtag(absl::string_view bytes) {
  Etag etag{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), etag.size()), etag.begin());
  return etag;
}

absl::Status CheckRecord(const v1::Record& record) {
  if (AsBytes(RecordEtag(record.json())) == record.etag()) return absl::OkStatus();
  return IntegrityFailure(absl::StrCat("model \"", record.name(), "\" does not have its etag"));
}

}  // namespace

absl::Status IntegrityFailure(absl::string_view message) {
  return Error(absl::StatusCode::kDataLoss, kIntegrityFailure, message);
}

absl::Status RecordJoiner::Add(v1::RecordBatch batch, std::vector<v1::Record>* whole) {
  for (v1::Record& piece : *batch.mutable_records()) {
    RETURN_IF_ERROR(AddPiece(std::move(piece), whole));
  }
  return absl::OkStatus();
}

absl::Status RecordJoiner::AddPiece(v1::Record piece, std::vector<v1::Record>* whole) {
  if (partial_ != nullptr) {
    if (partial_->name() != piece.name()) {
      return IntegrityFailure(
          absl::StrCat("the rest of model \"", partial_->name(), "\" is missing"));
    }
    if (partial_->json().size() + piece.json().size() > max_record_bytes_) {
      return Error(absl::StatusCode::kResourceExhausted, "RECORD_TOO_LARGE",
                   absl::StrCat("model \"", piece.name(), "\" is larger than ", max_record_bytes_,
                                " bytes"));
    }
    partial_->mutable_json()->append(piece.json());
    partial_->set_continues(piece.continues());
    if (partial_->etag().empty()) partial_->set_etag(piece.etag());
  } else {
    partial_ = std::make_unique<v1::Record>(std::move(piece));
  }
  if (partial_->continues()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckRecord(*partial_));
  whole->push_back(std::move(*partial_));
  partial_.reset();
  return absl::OkStatus();
}

void DocumentVerifier::AddRecord(const v1::Record& record) {
  records_.Add(record.name(), ToEtag(record.etag()));
  ++record_count_;
}

absl::Status DocumentVerifier::Finish(const v1::CategoryHeader& header,
                                      const v1::CategoryEnd& end) {
  const Etag actual = source_text_ ? text_.Finish() : records_.Finish();
  if (AsBytes(actual) != header.etag() || end.etag() != header.etag()) {
    return IntegrityFailure(absl::StrCat("category ", header.category(), " has etag ",
                                         ToHex(AsBytes(actual)), ", not ", ToHex(header.etag())));
  }
  if (!source_text_ && record_count_ != header.record_count()) {
    return IntegrityFailure(absl::StrCat("category ", header.category(), " has ", record_count_,
                                         " records, not ", header.record_count()));
  }
  return absl::OkStatus();
}

absl::Status VerifyDocument(absl::string_view json, absl::string_view etag) {
  DocumentEtagBuilder builder;
  const auto add = [&](absl::string_view name, absl::string_view record) {
    builder.Add(name, RecordEtag(record));
    return absl::OkStatus();
  };
  const absl::Status scanned = ForEachMember(json, add);
  if (!scanned.ok()) return IntegrityFailure(scanned.message());
  const Etag actual = builder.Finish();
  if (AsBytes(actual) == etag) return absl::OkStatus();
  return IntegrityFailure(
      absl::StrCat("the document has etag ", ToHex(AsBytes(actual)), ", not ", ToHex(etag)));
}

}  // namespace modelref

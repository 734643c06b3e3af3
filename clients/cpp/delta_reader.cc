#include "clients/cpp/delta_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {

absl::Status DeltaReader::Run(MessageSource<Part>& source) {
  Part part;
  while (source.Read(&part)) {
    RETURN_IF_ERROR(TakePart(std::move(part)));
    part.Clear();
  }
  absl::Status status = source.Finish();
  // Nobody here asked for a cancellation: a server that gave up on a slow reader can be asked anew.
  if (absl::IsCancelled(status)) return absl::UnavailableError(status.message());
  if (status.ok() && !ended_) return absl::UnavailableError("the delta ended early");
  return status;
}

absl::Status DeltaReader::TakePart(Part part) {
  if (ended_) return IntegrityFailure("a part follows the end of the delta");
  if (!begun_) return TakeHeader(part);
  switch (part.part_case()) {
    case Part::kUpserts:
      return TakeUpserts(std::move(*part.mutable_upserts()));
    case Part::kDeletes:
      return TakeDeletes(std::move(*part.mutable_deletes()));
    case Part::kCategoryEnd:
      ended_ = true;
      if (joiner_.incomplete()) return IntegrityFailure("the last record is incomplete");
      if (part.category_end().etag() == delta_.etag) return absl::OkStatus();
      return IntegrityFailure("the end of the delta has another etag");
    default:
      return IntegrityFailure("a part of the delta is of an unexpected kind");
  }
}

absl::Status DeltaReader::TakeHeader(const Part& part) {
  if (!part.has_delta_header()) return IntegrityFailure("the delta begins without a header");
  begun_ = true;
  delta_.header = part.header();
  delta_.mod_revision = part.delta_header().mod_revision();
  delta_.etag = part.delta_header().etag();
  delta_.full = part.delta_header().full();
  return absl::OkStatus();
}

absl::Status DeltaReader::TakeUpserts(v1::RecordBatch batch) {
  const size_t first = delta_.upserts.size();
  RETURN_IF_ERROR(joiner_.Add(std::move(batch), &delta_.upserts));
  for (size_t i = first; i < delta_.upserts.size(); ++i) {
    RETURN_IF_ERROR(CheckSize(delta_.upserts[i].name().size() + delta_.upserts[i].json().size()));
  }
  return absl::OkStatus();
}

absl::Status DeltaReader::TakeDeletes(v1::DeletedModels deletes) {
  for (std::string& name : *deletes.mutable_names()) {
    RETURN_IF_ERROR(CheckSize(name.size()));
    delta_.deletes.push_back(std::move(name));
  }
  return absl::OkStatus();
}

absl::Status DeltaReader::CheckSize(size_t more) {
  bytes_ += more;
  if (bytes_ <= max_bytes_) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "DOCUMENT_TOO_LARGE",
               absl::StrCat("the delta is larger than ", max_bytes_, " bytes"));
}

}  // namespace modelref

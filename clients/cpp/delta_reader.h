#pragma once

// Putting the parts of GetDelta together. Internal to clients/cpp.

#include "absl/status/status.h"
#include "clients/cpp/document_parts.h"
#include "clients/cpp/fetched_delta.h"
#include "clients/cpp/message_source.h"

namespace modelref {

// Reads one GetDelta stream. Single-threaded; for one stream.
class DeltaReader {
 public:
  // `max_bytes` is for names and records together.
  DeltaReader(size_t max_bytes, size_t max_record_bytes)
      : max_bytes_(max_bytes), joiner_(max_record_bytes) {}

  //   UNAVAILABLE                            the stream broke: start over.
  //   DATA_LOSS (`INTEGRITY_FAILURE`)        parts do not fit together.
  //   RESOURCE_EXHAUSTED (`DOCUMENT_TOO_LARGE`, `RECORD_TOO_LARGE`)
  //   otherwise                              the error of the call.
  absl::Status Run(MessageSource<v1::GetDeltaResponse>& source);
  // After Run() succeeded.
  FetchedDelta Take() && { return std::move(delta_); }

 private:
  using Part = v1::GetDeltaResponse;

  absl::Status TakePart(Part part);
  absl::Status TakeHeader(const Part& part);
  absl::Status TakeUpserts(v1::RecordBatch batch);
  absl::Status TakeDeletes(v1::DeletedModels deletes);
  absl::Status CheckSize(size_t more);

  const size_t max_bytes_;
  RecordJoiner joiner_;
  FetchedDelta delta_;
  size_t bytes_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace modelref

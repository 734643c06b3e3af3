#pragma once

// One attempt of an ImportCategory. Internal to clients/cpp.

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/etag.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/connection.h"
#include "clients/cpp/record_source.h"
#include "modelref/v1/write.grpc.pb.h"

namespace modelref {

// The same header and records make the same messages, so that a repeated import is recognised.
// Single-threaded; memory is one batch and one record.
class CategoryUpload {
 public:
  // What is given must outlive this; `cancellation` may be null.
  CategoryUpload(const Connection& connection, v1::WriteService::Stub& stub, absl::Time deadline,
                 Cancellation* cancellation);

  // Sends everything and waits for the answer. Once.
  absl::StatusOr<v1::ImportCategoryResponse> Run(const v1::ImportHeader& header,
                                                 RecordSource& records);
  // Whether the error is that of `records`.
  bool source_failed() const { return source_failed_; }

 private:
  absl::Status SendRecords(RecordSource& records);
  // These are false when the call has ended.
  bool Add(const SourceRecord& record);
  bool Flush();
  bool Commit();

  const Connection& connection_;
  grpc::ClientContext context_;
  const CancellationListener listener_;  // Uses the context.
  v1::ImportCategoryResponse response_;
  std::unique_ptr<grpc::ClientWriter<v1::ImportCategoryRequest>> writer_;
  v1::ImportCategoryRequest batch_;
  size_t batch_bytes_ = 0;
  uint64_t record_count_ = 0;
  DocumentEtagBuilder etag_;
  bool is_canonical_ = true;  // All records so far.
  bool source_failed_ = false;
};

}  // namespace modelref

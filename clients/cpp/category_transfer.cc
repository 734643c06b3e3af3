#include "clients/cpp/category_transfer.h"

#include <algorithm>
#include <utility>

#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

absl::Status Changed() {
  return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
               "the document changed before a broken transfer could be resumed");
}

}  // namespace

CategoryTransfer::CategoryTransfer(v1::StreamCategoryRequest request, OpenCall open_call,
                                   absl::Time deadline, size_t max_record_bytes, Retrier& retrier,
                                   Cancellation* cancellation)
    : request_(std::move(request)),
      from_start_(request_.start_after().empty()),
      open_call_(std::move(open_call)),
      deadline_(deadline),
      retrier_(retrier),
      cancellation_(cancellation),
      joiner_(max_record_bytes),
      verifier_(request_.representation() == v1::REPRESENTATION_SOURCE_TEXT) {}

absl::Status CategoryTransfer::Open() {
  for (;;) {
    const absl::Status status = StartAndReadHeader();
    if (status.ok()) break;
    if (status.code() != absl::StatusCode::kUnavailable ||
        !retrier_.WaitToRetry(status, retries_without_progress_++, deadline_, cancellation_)) {
      return Fail(status);
    }
  }
  opened_ = true;
  if (header_.not_modified()) ended_ = true;
  return absl::OkStatus();
}

bool CategoryTransfer::IsCancelled() const {
  return cancelled_ || (cancellation_ != nullptr && cancellation_->cancelled());
}

absl::Status CategoryTransfer::StartCall() {
  std::shared_ptr<MessageSource<Part>> call = open_call_(request_);
  MutexLock lock(&mutex_);
  if (IsCancelled()) return absl::CancelledError("cancelled by the caller");
  call_ = call;
  reading_ = std::move(call);
  return absl::OkStatus();
}

absl::Status CategoryTransfer::StartAndReadHeader() {
  RETURN_IF_ERROR(StartCall());
  Part part;
  if (!reading_->Read(&part)) return FinishCall();
  if (!part.has_category_header()) return IntegrityFailure("the stream begins without a header");
  return CheckHeader(part);
}

absl::Status CategoryTransfer::CheckHeader(const Part& part) {
  if (opened_ && part.category_header().etag() != header_.etag()) return Changed();
  if (!opened_) {
    response_header_ = part.header();
    header_ = part.category_header();
  }
  return absl::OkStatus();
}

absl::Status CategoryTransfer::FinishCall() {
  const absl::Status status = reading_->Finish();
  MutexLock lock(&mutex_);
  if (IsCancelled()) return absl::CancelledError("cancelled by the caller");
  // An end without CategoryEnd, or a cancellation that nobody here asked for (a server that gave up
  // on a slow reader), leaves a transfer that can go on.
  if (status.ok()) return absl::UnavailableError("the transfer ended early");
  if (absl::IsCancelled(status)) return absl::UnavailableError(status.message());
  return status;
}

absl::Status CategoryTransfer::ReadPart(Part* part) {
  if (reading_->Read(part)) {
    retries_without_progress_ = 0;
    return absl::OkStatus();
  }
  absl::Status status = FinishCall();
  while (absl::IsUnavailable(status)) {
    if (!retrier_.WaitToRetry(status, retries_without_progress_++, deadline_, cancellation_)) {
      return status;
    }
    joiner_.Reset();
    bytes_to_skip_ = bytes_received_;
    request_.clear_if_none_match();
    status = StartAndReadHeader();
    if (!status.ok()) continue;
    if (reading_->Read(part)) return absl::OkStatus();
    status = FinishCall();
  }
  return status;
}

absl::Status CategoryTransfer::TakeBatch(v1::RecordBatch batch) {
  if (verifier_.source_text()) return IntegrityFailure("records came instead of text");
  records_.clear();
  next_record_ = 0;
  RETURN_IF_ERROR(joiner_.Add(std::move(batch), &records_));
  for (const v1::Record& record : records_) verifier_.AddRecord(record);
  if (!records_.empty()) {
    request_.set_start_after(records_.back().name());
    request_.set_if_etag(header_.etag());
  }
  return absl::OkStatus();
}

absl::Status CategoryTransfer::TakeBytes(absl::string_view bytes) {
  if (!verifier_.source_text()) return IntegrityFailure("text came instead of records");
  const uint64_t skipped = std::min<uint64_t>(bytes_to_skip_, bytes.size());
  bytes_to_skip_ -= skipped;
  bytes.remove_prefix(static_cast<size_t>(skipped));
  verifier_.AddBytes(bytes);
  bytes_received_ += bytes.size();
  bytes_.assign(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status CategoryTransfer::TakeEnd(const v1::CategoryEnd& end) {
  ended_ = true;
  retrier_.RecordSuccess();
  if (joiner_.incomplete()) return IntegrityFailure("the last record is incomplete");
  if (from_start_) return verifier_.Finish(header_, end);
  return end.etag() == header_.etag() ? absl::OkStatus()
                                      : IntegrityFailure("the end has another etag");
}

absl::Status CategoryTransfer::TakePart(Part part) {
  switch (part.part_case()) {
    case Part::kRecordBatch:
      return TakeBatch(std::move(*part.mutable_record_batch()));
    case Part::kRawChunk:
      return TakeBytes(part.raw_chunk().data());
    case Part::kCategoryEnd:
      return TakeEnd(part.category_end());
    default:
      return IntegrityFailure("a part of the stream is of an unexpected kind");
  }
}

absl::Status CategoryTransfer::Fail(absl::Status status) {
  ended_ = true;
  failure_ = std::move(status);
  return failure_;
}

absl::StatusOr<bool> CategoryTransfer::NextRecord(v1::Record* record) {
  while (next_record_ == records_.size()) {
    if (ended_) return failure_.ok() ? absl::StatusOr<bool>(false) : failure_;
    Part part;
    absl::Status status = ReadPart(&part);
    if (status.ok()) status = TakePart(std::move(part));
    if (!status.ok()) return Fail(std::move(status));
  }
  *record = std::move(records_[next_record_++]);
  return true;
}

absl::StatusOr<bool> CategoryTransfer::NextBytes(std::string* bytes) {
  while (bytes_.empty()) {
    if (ended_) return failure_.ok() ? absl::StatusOr<bool>(false) : failure_;
    Part part;
    absl::Status status = ReadPart(&part);
    if (status.ok()) status = TakePart(std::move(part));
    if (!status.ok()) return Fail(std::move(status));
  }
  *bytes = std::exchange(bytes_, std::string());
  return true;
}

void CategoryTransfer::Cancel() {
  MutexLock lock(&mutex_);
  cancelled_ = true;
  if (call_ != nullptr) call_->Cancel();
}

}  // namespace modelref

#include "clients/cpp/category_upload.h"

#include <algorithm>
#include <string>

#include "absl/strings/string_view.h"
#include "backends/base/digest.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

// Far below the limit of a message (4 MiB), and enough to fill the window of a connection.
constexpr size_t kBatchBytes = size_t{512} << 10;
constexpr size_t kPieceBytes = size_t{1} << 20;

}  // namespace

CategoryUpload::CategoryUpload(const Connection& connection, v1::WriteService::Stub& stub,
                               absl::Time deadline, Cancellation* cancellation)
    : connection_(connection), listener_(cancellation, [this] { context_.TryCancel(); }) {
  connection.Prepare(deadline, &context_);
  writer_ = stub.ImportCategory(&context_, &response_);
}

bool CategoryUpload::Flush() {
  if (!batch_.has_import_batch()) return true;
  const bool sent = writer_->Write(batch_);
  batch_.Clear();
  batch_bytes_ = 0;
  return sent;
}

bool CategoryUpload::Add(const SourceRecord& record) {
  absl::string_view rest = record.json;
  do {
    const absl::string_view piece = rest.substr(0, kPieceBytes);
    rest.remove_prefix(piece.size());
    v1::ImportRecord* part = batch_.mutable_import_batch()->add_records();
    part->set_name(record.name);
    part->set_json(piece.data(), piece.size());
    part->set_continues(!rest.empty());
    batch_bytes_ += record.name.size() + piece.size();
    // The next piece has to be the first record of a batch.
    if ((part->continues() || batch_bytes_ >= kBatchBytes) && !Flush()) return false;
  } while (!rest.empty());
  return true;
}

absl::Status CategoryUpload::SendRecords(RecordSource& records) {
  SourceRecord record;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, records.Next(&record));
    if (!more) return absl::OkStatus();
    ++record_count_;
    is_canonical_ = is_canonical_ && record.is_canonical;
    if (is_canonical_) etag_.Add(record.name, RecordEtag(record.json));
    // Why the call has ended is said by its status.
    if (!Add(record)) return absl::OkStatus();
  }
}

bool CategoryUpload::Commit() {
  if (!Flush()) return false;
  v1::ImportCategoryRequest part;
  part.mutable_import_commit()->set_record_count(record_count_);
  if (is_canonical_) {
    const Etag etag = etag_.Finish();
    part.mutable_import_commit()->set_content_etag(std::string(AsBytes(etag)));
  }
  return writer_->Write(part);
}

absl::StatusOr<v1::ImportCategoryResponse> CategoryUpload::Run(const v1::ImportHeader& header,
                                                               RecordSource& records) {
  v1::ImportCategoryRequest begin;
  *begin.mutable_import_header() = header;
  absl::Status source;
  if (writer_->Write(begin)) {
    source = SendRecords(records);
    source_failed_ = !source.ok();
    if (source_failed_) {
      context_.TryCancel();
    } else if (Commit()) {
      writer_->WritesDone();
    }
  }
  const absl::Status status = connection_.Finished(writer_->Finish());
  if (source_failed_) return source;
  RETURN_IF_ERROR(status);
  return std::move(response_);
}

}  // namespace modelref

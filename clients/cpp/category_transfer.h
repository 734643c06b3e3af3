#pragma once

// The CategoryStream over a real or fake call. Internal to clients/cpp.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "backends/base/mutex.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/category_stream.h"
#include "clients/cpp/document_parts.h"
#include "clients/cpp/message_source.h"
#include "clients/cpp/retry.h"

namespace modelref {

class CategoryTransfer final : public CategoryStream {
 public:
  using Part = v1::StreamCategoryResponse;
  using OpenCall =
      std::function<std::unique_ptr<MessageSource<Part>>(const v1::StreamCategoryRequest& request)>;

  // `retrier` and `cancellation` (may be null) must outlive the transfer.
  CategoryTransfer(v1::StreamCategoryRequest request, OpenCall open_call, absl::Time deadline,
                   size_t max_record_bytes, Retrier& retrier, Cancellation* cancellation = nullptr);

  // Reads up to the header. Once, before anything else.
  absl::Status Open();

  const v1::ResponseHeader& response_header() const override { return response_header_; }
  const v1::CategoryHeader& header() const override { return header_; }
  absl::StatusOr<bool> NextRecord(v1::Record* record) override;
  absl::StatusOr<bool> NextBytes(std::string* bytes) override;
  void Cancel() override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status Fail(absl::Status status);
  bool IsCancelled() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Reads one part, over as many calls as it takes.
  absl::Status ReadPart(Part* part);
  absl::Status TakePart(Part part);
  absl::Status TakeBatch(v1::RecordBatch batch);
  absl::Status TakeBytes(absl::string_view bytes);
  absl::Status TakeEnd(const v1::CategoryEnd& end);
  absl::Status StartCall() ABSL_LOCKS_EXCLUDED(mutex_);
  // Starts a call and reads its header, which must fit to the one before.
  absl::Status StartAndReadHeader();
  absl::Status CheckHeader(const Part& part);
  // Why the present call ended; UNAVAILABLE when another one may go on.
  absl::Status FinishCall() ABSL_LOCKS_EXCLUDED(mutex_);

  v1::StreamCategoryRequest request_;
  const bool from_start_;  // Only then the etag of the whole can be computed.
  const OpenCall open_call_;
  const absl::Time deadline_;
  Retrier& retrier_;
  Cancellation* const cancellation_;

  Mutex mutex_;
  std::shared_ptr<MessageSource<Part>> call_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;

  // The rest belongs to the reading thread.
  std::shared_ptr<MessageSource<Part>> reading_;
  v1::ResponseHeader response_header_;
  v1::CategoryHeader header_;
  bool opened_ = false;
  bool ended_ = false;
  absl::Status failure_;
  RecordJoiner joiner_;
  DocumentVerifier verifier_;
  std::vector<v1::Record> records_;  // Whole ones, from next_record_ on not yet handed out.
  size_t next_record_ = 0;
  std::string bytes_;
  uint64_t bytes_received_ = 0;  // Of the source text, over all calls.
  uint64_t bytes_to_skip_ = 0;   // A text is resumed by reading its begin again.
  int retries_without_progress_ = 0;
};

}  // namespace modelref

#pragma once

// Putting streamed documents together and checking them against their etags. Single-threaded.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "backends/base/etag.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {

// A reason of DATA_LOSS: content does not have the etag it came with.
inline constexpr char kIntegrityFailure[] = "INTEGRITY_FAILURE";

// Joins the pieces of large records and checks each whole record against its etag.
class RecordJoiner {
 public:
  explicit RecordJoiner(size_t max_record_bytes) : max_record_bytes_(max_record_bytes) {}

  // Appends the whole records of the batch to `whole` in order.
  //   DATA_LOSS (`INTEGRITY_FAILURE`)  pieces do not fit together or the etag is another.
  //   RESOURCE_EXHAUSTED               a record is larger than the limit.
  absl::Status Add(v1::RecordBatch batch, std::vector<v1::Record>* whole);
  // Forgets an incomplete record: the stream starts again before it.
  void Reset() { partial_.reset(); }
  bool incomplete() const { return partial_ != nullptr; }

 private:
  absl::Status AddPiece(v1::Record piece, std::vector<v1::Record>* whole);

  const size_t max_record_bytes_;
  std::unique_ptr<v1::Record> partial_;
};

// Computes the etag of a document while it arrives, as records or as source text.
class DocumentVerifier {
 public:
  explicit DocumentVerifier(bool source_text) : source_text_(source_text) {}

  // The record's own etag must have been checked before.
  void AddRecord(const v1::Record& record);
  void AddBytes(absl::string_view bytes) { text_.Update(bytes); }
  bool source_text() const { return source_text_; }

  // DATA_LOSS (`INTEGRITY_FAILURE`) when what was added has not the etag and the count that the
  // header announced, or the end says another etag. Once.
  absl::Status Finish(const v1::CategoryHeader& header, const v1::CategoryEnd& end);

 private:
  const bool source_text_;
  uint64_t record_count_ = 0;
  DocumentEtagBuilder records_;
  Sha256Hasher text_;
};

// Checks a canonical document as GetCategory returns it. DATA_LOSS (`INTEGRITY_FAILURE`).
absl::Status VerifyDocument(absl::string_view json, absl::string_view etag);

absl::Status IntegrityFailure(absl::string_view message);

}  // namespace modelref

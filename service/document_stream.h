#pragma once

#include <string>

#include "modelref/v1/reference.pb.h"
#include "service/catalogue.h"
#include "service/record_batcher.h"
#include "service/source_text.h"

namespace modelref {

// Hands out one document in parts (reference.proto): a header, batches of records or chunks of
// text, an end. Every part is at most kMaxPartBytes beside the response header. Single-threaded;
// keeps the root of its view alive.
class DocumentParts {
 public:
  static constexpr size_t kMaxPartBytes = 255 << 10;

  struct Options {
    bool source_text = false;
    std::string if_none_match;
    std::string start_after;
    std::string if_etag;
  };

  // Checks the resume fields against the document.
  //   INVALID_ARGUMENT (BAD_RESUME)  one of the two is missing, or the record does not exist.
  //   ABORTED (ETAG_MISMATCH)        the document is not the one that the transfer began with.
  // `source` is what is sent with `options.source_text`.
  static absl::StatusOr<DocumentParts> Create(DocumentView view, Options options,
                                              SourceText source = {});

  // Fills the next part of `response`, which is a StreamCategoryResponse or a
  // FetchAllCategoriesResponse; false after the end.
  template <typename Response>
  bool Next(Response* response) {
    switch (stage_) {
      case Stage::kHeader:
        FillHeaderPart(response->mutable_category_header());
        return true;
      case Stage::kContent:
        if (options_.source_text) {
          FillChunk(response->mutable_raw_chunk());
        } else {
          FillBatch(response->mutable_record_batch());
        }
        return true;
      case Stage::kEnd:
        FillEnd(response->mutable_category_end());
        return true;
      case Stage::kDone:
        break;
    }
    return false;
  }

  const DocumentView& view() const { return view_; }

 private:
  enum class Stage { kHeader, kContent, kEnd, kDone };

  DocumentParts(DocumentView view, Options options, SourceText source);

  absl::Status Seek();
  const Entry* Current() const;
  void Advance();
  void FillHeaderPart(v1::CategoryHeader* header);
  void FillBatch(v1::RecordBatch* batch);
  void FillChunk(v1::RawChunk* chunk);
  void FillEnd(v1::CategoryEnd* end);
  const Etag& etag() const;

  DocumentView view_;
  Options options_;
  SourceText source_;
  Stage stage_ = Stage::kHeader;
  size_t chunk_ = 0;
  size_t entry_ = 0;
  RecordBatcher batcher_;
  size_t offset_ = 0;     // Into the source text.
  uint64_t records_ = 0;  // Sent in this transfer.
};

// Checks that the representation suits the format.
//   INVALID_ARGUMENT (BAD_REPRESENTATION)
absl::StatusOr<bool> IsSourceText(v1::Representation representation, Format format);

}  // namespace modelref

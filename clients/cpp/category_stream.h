#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {

// One document while it arrives, verified by its etags. A transfer that breaks is resumed where it
// was, several times while it makes progress; the reader notices nothing.
//
// One thread reads; Cancel() may come from any.
//
// Errors of reading end the stream; the same status comes back from then on:
//   ABORTED (`ETAG_MISMATCH`)        the document changed before a broken transfer could be
//                                    resumed: start over.
//   DATA_LOSS (`INTEGRITY_FAILURE`)  what arrived does not have the etags it came with.
//   CANCELLED                        by Cancel().
//   otherwise                        the error of the call.
class CategoryStream {
 public:
  virtual ~CategoryStream() = default;

  // Which state answered, and what is sent. With header().not_modified() nothing follows.
  virtual const v1::ResponseHeader& response_header() const = 0;
  virtual const v1::CategoryHeader& header() const = 0;

  // The next record of a document in compact form, whole and with its own etag verified. False at
  // the end, when the etag of the whole document was verified too.
  virtual absl::StatusOr<bool> NextRecord(v1::Record* record) = 0;
  // The next bytes of a document as source text. False at its verified end.
  virtual absl::StatusOr<bool> NextBytes(std::string* bytes) = 0;

  // Ends the transfer soon. Idempotent.
  virtual void Cancel() = 0;
};

}  // namespace modelref

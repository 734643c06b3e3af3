#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace modelref {

// A record on its way into an import.
struct SourceRecord {
  std::string name;  // UTF-8.
  std::string json;
  // `json` is canonical (DESIGN 3): then the server proves that it got what was sent.
  bool is_canonical = false;
};

// The records of an import in their order. Used by one thread.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  // False at the end. An error ends the import with it; nothing is changed then.
  virtual absl::StatusOr<bool> Next(SourceRecord* record) = 0;
  // Begins again, so that a broken import can be repeated: Next() must then give the same records.
  // Not OK: the source can be read once only, and a broken import is not repeated.
  virtual absl::Status Rewind() = 0;
};

}  // namespace modelref

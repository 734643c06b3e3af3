#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "backends/base/digested_bytes.h"
#include "backends/base/etag.h"

namespace modelref {

// Appends what a record contributes to the hash of its chunk (etag.h).
void AppendChunkMember(absl::string_view name, const Etag& record_etag, std::string* bytes);

// The hash of a chunk whose records change one by one. Keeps what is hashed: 36 bytes and the name
// of each record. Thread-compatible; copies are independent.
class ChunkHash {
 public:
  void Add(absl::string_view name, const Etag& record_etag);
  // `index`: of a record that was added.
  void SetEtag(size_t index, const Etag& record_etag);
  Etag Finish() { return bytes_.Digest(); }

 private:
  DigestedBytes bytes_;
};

}  // namespace modelref

#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {

// One whole document, verified by its etags.
struct FetchedDocument {
  v1::ResponseHeader header;  // Which state answered.
  std::string category;       // Never an alias when it was streamed.
  uint64_t mod_revision = 0;
  std::string etag;           // 32 bytes.
  bool not_modified = false;  // The caller's copy is current; `content` is empty.
  std::string content;        // Canonical JSON, or the source text when that was asked for.
};

// All documents of one format at one revision: each one, or why it cannot be had.
struct FetchedCatalogue {
  v1::ResponseHeader header;
  std::map<std::string, absl::StatusOr<FetchedDocument>> documents;
};

}  // namespace modelref

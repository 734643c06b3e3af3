#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modelref/v1/reference.pb.h"

namespace modelref {

// What leads from the caller's copy of a document to the newest state, or the whole of it. Every
// record has its etag; whether the outcome has `etag` is seen when it is applied.
struct FetchedDelta {
  v1::ResponseHeader header;  // Which state answered.
  uint64_t mod_revision = 0;
  std::string etag;   // 32 bytes: of the document after the delta.
  bool full = false;  // `upserts` are the whole document; the caller's copy is of no use.
  std::vector<std::string> deletes;  // Applied before the upserts.
  std::vector<v1::Record> upserts;   // A new one is appended, a replaced one keeps its place.
};

}  // namespace modelref

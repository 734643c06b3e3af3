#pragma once

// Etags (DESIGN 3): pure functions of content, equal on every node and in every epoch.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/digest.h"
#include "backends/base/document_key.h"

namespace modelref {

using Etag = Sha256Digest;

// SHA-256 of the record's canonical JSON.
Etag RecordEtag(absl::string_view canonical_json);

// The most records of one chunk.
inline constexpr size_t kMaxChunkRecords = 1024;

// True when a chunk ends after a record of this name whatever its size: SHA-256(name) begins with
// the byte 0x00.
bool EndsChunk(absl::string_view name);

// Hashes one chunk: SHA-256 over (u32 big-endian length of name, name, record etag) of its records
// in order. Reusable after Finish.
class ChunkHasher {
 public:
  void Add(absl::string_view name, const Etag& record_etag);
  Etag Finish();

 private:
  std::string bytes_;  // Hashed at once: a digest of small pieces costs five times as much.
};

// The etag of a document from its chunks: SHA-256 over their hashes; of none, SHA-256("").
Etag DocumentEtag(const std::vector<Etag>& chunks);

// The etag of a document in one pass over its records: what incremental code must equal.
// Single-threaded.
class DocumentEtagBuilder {
 public:
  void Add(absl::string_view name, const Etag& record_etag);
  Etag Finish();

 private:
  ChunkHasher chunk_;
  size_t chunk_records_ = 0;
  std::vector<Etag> chunks_;
};

// Order-independent digest of a set of documents: the sum modulo 2^128 of the first 16 bytes,
// little-endian, of SHA-256(u32 big-endian length of category, category, format byte, etag).
class DocumentSetDigest {
 public:
  void Add(const DocumentKey& key, const Etag& etag);
  // 16 bytes, little-endian.
  std::array<uint8_t, 16> bytes() const;

 private:
  uint64_t low_ = 0;
  uint64_t high_ = 0;
};

}  // namespace modelref

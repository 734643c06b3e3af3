#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/etag.h"

namespace modelref {

// One model of a mirrored document. Immutable.
struct MirrorRecord {
  std::string name;
  std::string json;  // Canonical.
  Etag etag;         // Of `json`.
  bool ends_chunk = false;
};
using MirrorRecordPtr = std::shared_ptr<const MirrorRecord>;

// Computes the etag. `json` must be canonical.
MirrorRecordPtr MakeMirrorRecord(std::string name, std::string json);

class MirrorDocument;
using MirrorDocumentPtr = std::shared_ptr<const MirrorDocument>;

// The records of one document in their order, with the etag that they add up to (DESIGN 3).
// Immutable, hence thread-safe. A change copies what lies in the changed chunks and shares the
// rest.
class MirrorDocument {
 public:
  static MirrorDocumentPtr Empty();
  //   DATA_LOSS (`INTEGRITY_FAILURE`)  two records have one name.
  static absl::StatusOr<MirrorDocumentPtr> FromRecords(std::vector<MirrorRecordPtr> records);

  // The document without `deletes`, then with `upserts`: a record whose name is there replaces it
  // in its place, others are appended in their order. So a name in both moves to the end. Names
  // that are not there need no delete.
  MirrorDocumentPtr Apply(const std::vector<std::string>& deletes,
                          const std::vector<MirrorRecordPtr>& upserts) const;

  // Null when there is no such model. The pointer lives as long as the document.
  const MirrorRecord* Find(absl::string_view name) const;

  const Etag& etag() const { return etag_; }
  size_t record_count() const { return record_count_; }
  // Calls fn(const MirrorRecord&) in document order.
  template <typename Fn>
  void ForEach(Fn fn) const {
    for (const auto& chunk : chunks_) {
      for (const Place& place : chunk->places) fn(*place.record);
    }
  }
  // The document as canonical JSON.
  std::string ToJson() const;

 private:
  friend class MirrorDocumentWriter;

  // A record and where it stands: orders ascend through the document.
  struct Place {
    uint64_t order = 0;
    MirrorRecordPtr record;
  };
  struct Chunk {
    std::vector<Place> places;
    Etag hash;
  };
  using ChunkPtr = std::shared_ptr<const Chunk>;
  // Places by name; a name belongs to the shard that its hash chooses.
  using Shard = std::vector<Place>;
  using ShardPtr = std::shared_ptr<const Shard>;

  MirrorDocument() = default;
  static size_t ShardOf(absl::string_view name, size_t shard_count);
  const Place* FindPlace(absl::string_view name) const;

  std::vector<ChunkPtr> chunks_;
  std::vector<ShardPtr> shards_;
  Etag etag_{};
  size_t record_count_ = 0;
  uint64_t next_order_ = 0;
};

}  // namespace modelref

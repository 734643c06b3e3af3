#pragma once

// The content of a document, immutable and shared: readers copy a pointer, a change copies one
// chunk and one index shard.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/etag.h"
#include "backends/entry_list.h"

namespace modelref {

// One model: its name and the canonical JSON of its record.
struct Record {
  std::string name;
  std::string json;
  Etag etag;
  uint64_t name_hash = 0;   // The first 8 bytes of SHA-256(name).
  bool ends_chunk = false;  // EndsChunk(name).
};

// `json` must be canonical (json.h) and `name` valid (categories.h).
RecordPtr MakeRecord(std::string name, std::string json);

// Some neighbouring entries and what they hash to (DESIGN 3).
struct Chunk {
  EntryList entries;
  Etag hash;
  uint64_t size_bytes = 0;  // Of the entries as members of the compact document, commas included.
};

// One step of a change of a document.
struct RecordChange {
  std::string name;
  RecordPtr after;  // Null deletes.
};

class Document;
using DocumentPtr = std::shared_ptr<const Document>;

// An ordered map from model name to record. Immutable, hence thread-safe.
class Document {
 public:
  static DocumentPtr Empty();
  // Names must be distinct.
  static DocumentPtr FromRecords(std::vector<RecordPtr> records, uint64_t mod_revision = 0);

  // The document of entries that already have their places: ascending orders below `next_order`,
  // the place of the next new record.
  static DocumentPtr FromEntries(std::vector<Entry> entries, uint64_t next_order);

  // The document after `changes` in order, each stamped with `mod_revision`: an update keeps its
  // place, a create is appended, a delete of a missing name does nothing. Costs O(changed chunks),
  // not O(records).
  DocumentPtr Apply(const std::vector<RecordChange>& changes, uint64_t mod_revision) const;

  // The same content with every entry stamped with `mod_revision`.
  DocumentPtr WithRevision(uint64_t mod_revision) const;

  // Null when there is no such model. The pointer lives as long as the document.
  const Entry* Find(absl::string_view name) const;

  const Etag& etag() const { return etag_; }
  size_t record_count() const { return record_count_; }
  // Of the document as compact JSON.
  uint64_t size_bytes() const { return size_bytes_; }
  // The order of the next record that is appended: above every order ever given.
  uint64_t next_order() const { return next_order_; }
  const std::vector<std::shared_ptr<const Chunk>>& chunks() const { return chunks_; }

  // Calls fn(const Entry&) in document order.
  template <typename Fn>
  void ForEach(Fn fn) const {
    for (const auto& chunk : chunks_) {
      for (const Entry& entry : chunk->entries) fn(entry);
    }
  }

  // The document as canonical JSON.
  std::string ToJson() const;

 private:
  friend class DocumentBuilder;
  using Shard = std::vector<Entry>;  // Sorted by name_hash.

  Document() = default;

  // Some neighbouring shards: a change copies the pointers of one group, not those of all shards.
  using ShardGroup = std::vector<std::shared_ptr<const Shard>>;

  size_t shard_count() const { return groups_.empty() ? 0 : groups_.size() * groups_[0]->size(); }

  std::vector<std::shared_ptr<const Chunk>> chunks_;
  // Groups of equal size; shards are indexed by name_hash modulo their number.
  std::vector<std::shared_ptr<const ShardGroup>> groups_;
  Etag etag_;
  size_t record_count_ = 0;
  uint64_t size_bytes_ = 2;
  uint64_t next_order_ = 0;
};

}  // namespace modelref

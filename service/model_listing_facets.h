#pragma once

// What listings filter and sort by, extracted once per chunk, so that a page over 100,000 records
// parses only the records it returns.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/document.h"

namespace modelref {

// The filterable fields of one record, equal to what FillModel says about them.
struct RecordFacets {
  static constexpr uint32_t kNoValue = ~uint32_t{0};

  int64_t parameters = 0;
  int64_t size_on_disk_bytes = 0;
  bool has_parameters = false;
  bool has_size = false;
  bool nsfw = false;
  uint32_t baseline = kNoValue;  // Id of the chunk's ValueTable.
  uint32_t style = kNoValue;
  uint32_t tags_begin = 0;  // Into ChunkFacets::tags.
  uint32_t tags_end = 0;
};

// Numbers the distinct texts of one chunk from 0.
class ValueTable {
 public:
  uint32_t Add(absl::string_view text);
  // kNoValue when no record of the chunk has it.
  uint32_t Find(const std::string& text) const;
  size_t size() const { return ids_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  std::unordered_map<std::string, uint32_t> ids_;
  size_t bytes_ = 0;
};

// Immutable, hence thread-safe. Does not keep its chunk alive.
struct ChunkFacets {
  static std::shared_ptr<const ChunkFacets> Make(const std::shared_ptr<const Chunk>& chunk);

  std::weak_ptr<const Chunk> chunk;
  std::vector<RecordFacets> records;  // As in the chunk.
  std::vector<uint32_t> tags;         // Of each record distinct and ascending.
  ValueTable values;
  std::string names;                 // ASCII lower case, one after the other.
  std::vector<uint32_t> names_ends;  // Per record.
  size_t bytes = 0;                  // Of memory, about.
};

}  // namespace modelref

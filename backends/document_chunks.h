#pragma once

// How the chunks of a document are made and changed. For document.cc.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "backends/document.h"

namespace modelref {

// Entries by their order, which take the place of those that have it.
using Replacements = std::map<uint64_t, Entry>;

// Collects entries in order and closes a chunk wherever the one-pass rule does.
class Chunker {
 public:
  // That many more are about to come.
  void Expect(size_t entries) { open_.reserve(open_.size() + entries); }
  void Add(const Entry& entry);
  void Reuse(std::shared_ptr<const Chunk> chunk) { chunks_.push_back(std::move(chunk)); }
  // True between chunks: an old chunk that starts here is a chunk of the new document as well.
  bool aligned() const { return open_.empty(); }
  std::vector<std::shared_ptr<const Chunk>> Finish();

 private:
  void Close();

  std::vector<Entry> open_;
  std::vector<std::shared_ptr<const Chunk>> chunks_;
};

// Whether nothing can be appended to the chunk.
bool IsClosed(const Chunk& chunk);

// The chunk with the replacements of [first, last), which are of names and orders that it has. It
// must have been made by a Chunker or one of these functions.
std::shared_ptr<const Chunk> UpdateChunk(const Chunk& chunk, Replacements::const_iterator first,
                                         Replacements::const_iterator last);
// The chunk with every entry stamped with `mod_revision`.
std::shared_ptr<const Chunk> StampChunk(const Chunk& chunk, uint64_t mod_revision);

}  // namespace modelref

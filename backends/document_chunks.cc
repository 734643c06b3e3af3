#include "backends/document_chunks.h"

#include <algorithm>
#include <utility>

#include "backends/base/chunk_hash.h"

namespace modelref {
namespace {

// What every chunk of a document really is: it knows how to bring its hash up to date.
struct KeptChunk final : Chunk {
  ChunkHash kept_hash;
};

std::shared_ptr<KeptChunk> CopyOf(const Chunk& chunk) {
  return std::make_shared<KeptChunk>(static_cast<const KeptChunk&>(chunk));
}

// The size of a JSON string, quotes included.
size_t QuotedSize(absl::string_view text) {
  size_t size = 2;
  for (const char c : text) size += (c == '"' || c == '\\') ? 2 : 1;
  return size;
}

}  // namespace

void Chunker::Add(const Entry& entry) {
  open_.push_back(entry);
  if (open_.size() == kMaxChunkRecords || entry.record->ends_chunk) Close();
}

std::vector<std::shared_ptr<const Chunk>> Chunker::Finish() {
  if (!open_.empty()) Close();
  return std::move(chunks_);
}

void Chunker::Close() {
  auto chunk = std::make_shared<KeptChunk>();
  for (const Entry& entry : open_) {
    chunk->size_bytes += QuotedSize(entry.record->name) + 1 + entry.record->json.size() + 1;
    chunk->kept_hash.Add(entry.record->name, entry.record->etag);
  }
  chunk->hash = chunk->kept_hash.Finish();
  chunk->entries = EntryList(std::exchange(open_, {}));
  chunks_.push_back(std::move(chunk));
}

bool IsClosed(const Chunk& chunk) {
  return chunk.entries.size() == kMaxChunkRecords || chunk.entries.back().record->ends_chunk;
}

std::shared_ptr<const Chunk> UpdateChunk(const Chunk& chunk, Replacements::const_iterator first,
                                         Replacements::const_iterator last) {
  auto updated = CopyOf(chunk);
  for (; first != last; ++first) {
    const auto& [order, entry] = *first;
    const auto at = std::lower_bound(
        updated->entries.begin(), updated->entries.end(), order,
        [](const Entry& candidate, uint64_t wanted) { return candidate.order < wanted; });
    updated->size_bytes += entry.record->json.size();
    updated->size_bytes -= at->record->json.size();
    const auto index = static_cast<size_t>(at - updated->entries.begin());
    updated->entries.Replace(index, entry);
    updated->kept_hash.SetEtag(index, entry.record->etag);
  }
  updated->hash = updated->kept_hash.Finish();
  return updated;
}

std::shared_ptr<const Chunk> StampChunk(const Chunk& chunk, uint64_t mod_revision) {
  auto stamped = CopyOf(chunk);
  std::vector<Entry> entries(stamped->entries.begin(), stamped->entries.end());
  for (Entry& entry : entries) entry.mod_revision = mod_revision;
  stamped->entries = EntryList(std::move(entries));
  return stamped;
}

}  // namespace modelref

#include "backends/base/etag.h"

#include <tuple>

#include "backends/base/chunk_hash.h"

namespace modelref {
namespace {

uint64_t LittleEndian64(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = (value << 8) | bytes[i];
  return value;
}

}  // namespace

Etag RecordEtag(absl::string_view canonical_json) { return Sha256(canonical_json); }

bool EndsChunk(absl::string_view name) { return Sha256(name)[0] == 0; }

void ChunkHasher::Add(absl::string_view name, const Etag& record_etag) {
  AppendChunkMember(name, record_etag, &bytes_);
}

Etag ChunkHasher::Finish() {
  const Etag etag = Sha256(bytes_);
  bytes_.clear();
  return etag;
}

Etag DocumentEtag(const std::vector<Etag>& chunks) {
  static_assert(sizeof(Etag) == std::tuple_size_v<Etag>);
  const auto* const bytes = reinterpret_cast<const char*>(chunks.data());
  return Sha256(absl::string_view(bytes, chunks.size() * sizeof(Etag)));
}

void DocumentEtagBuilder::Add(absl::string_view name, const Etag& record_etag) {
  chunk_.Add(name, record_etag);
  ++chunk_records_;
  if (chunk_records_ == kMaxChunkRecords || EndsChunk(name)) {
    chunks_.push_back(chunk_.Finish());
    chunk_records_ = 0;
  }
}

Etag DocumentEtagBuilder::Finish() {
  if (chunk_records_ > 0) chunks_.push_back(chunk_.Finish());
  const Etag etag = DocumentEtag(chunks_);
  chunks_.clear();
  chunk_records_ = 0;
  return etag;
}

void DocumentSetDigest::Add(const DocumentKey& key, const Etag& etag) {
  Sha256Hasher hasher;
  hasher.UpdateU32BigEndian(static_cast<uint32_t>(key.category.size()));
  hasher.Update(key.category);
  const char format = static_cast<char>(key.format);
  hasher.Update(absl::string_view(&format, 1));
  hasher.Update(AsBytes(etag));
  const Sha256Digest digest = hasher.Finish();
  const uint64_t low = LittleEndian64(digest.data());
  low_ += low;
  high_ += LittleEndian64(digest.data() + 8) + (low_ < low ? 1 : 0);
}

std::array<uint8_t, 16> DocumentSetDigest::bytes() const {
  std::array<uint8_t, 16> out;
  for (size_t i = 0; i < 8; ++i) {
    out[i] = static_cast<uint8_t>(low_ >> (8 * i));
    out[i + 8] = static_cast<uint8_t>(high_ >> (8 * i));
  }
  return out;
}

}  // namespace modelref

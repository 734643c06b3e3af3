#include "backends/base/chunk_hash.h"

#include <cstdint>

namespace modelref {
namespace {

constexpr size_t kLengthBytes = 4;

std::string LengthOf(absl::string_view name) {
  const auto size = static_cast<uint32_t>(name.size());
  return {static_cast<char>(size >> 24), static_cast<char>(size >> 16),
          static_cast<char>(size >> 8), static_cast<char>(size)};
}

// Where the etag of the member at `at` stands.
size_t EtagAt(absl::string_view bytes, size_t at) {
  uint32_t size = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    size = (size << 8) | static_cast<unsigned char>(bytes[at + i]);
  }
  return at + kLengthBytes + size;
}

}  // namespace

void AppendChunkMember(absl::string_view name, const Etag& record_etag, std::string* bytes) {
  bytes->append(LengthOf(name));
  bytes->append(name.data(), name.size());
  bytes->append(reinterpret_cast<const char*>(record_etag.data()), record_etag.size());
}

void ChunkHash::Add(absl::string_view name, const Etag& record_etag) {
  bytes_.Append(LengthOf(name));
  bytes_.Append(name);
  bytes_.Append(AsBytes(record_etag));
}

void ChunkHash::SetEtag(size_t index, const Etag& record_etag) {
  const absl::string_view bytes = bytes_.bytes();
  size_t at = 0;
  for (; index > 0; --index) at = EtagAt(bytes, at) + sizeof(Etag);
  bytes_.Replace(EtagAt(bytes, at), AsBytes(record_etag));
}

}  // namespace modelref

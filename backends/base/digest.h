#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace modelref {

// A SHA-256 value. Etags, chunk hashes and the transaction chain are of this type.
using Sha256Digest = std::array<uint8_t, 32>;

Sha256Digest Sha256(absl::string_view bytes);

// SHA-256 over pieces. Single-threaded, reusable after Finish.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;

  void Update(absl::string_view bytes);
  void UpdateU32BigEndian(uint32_t value);
  void UpdateU64BigEndian(uint64_t value);
  // Returns the digest and starts anew.
  Sha256Digest Finish();

 private:
  evp_md_ctx_st* context_;
};

// The digest's 32 raw bytes, as etags travel on the wire. The view lives as long as `digest`.
absl::string_view AsBytes(const Sha256Digest& digest);

std::string ToHex(absl::string_view bytes);

}  // namespace modelref

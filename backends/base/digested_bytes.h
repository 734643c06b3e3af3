#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/digest.h"

namespace modelref {

// Bytes and their SHA-256, of which parts are replaced by others of the same size: the digest is
// made anew from the first changed part on, not from the beginning. Takes a sixty-fourth more
// memory than the bytes. Thread-compatible; copies are independent.
class DigestedBytes {
 public:
  absl::string_view bytes() const { return bytes_; }
  void Append(absl::string_view part) { bytes_.append(part.data(), part.size()); }
  // `offset` + `part` must be inside of the bytes.
  void Replace(size_t offset, absl::string_view part);
  // Of the bytes as they are now.
  Sha256Digest Digest();

 private:
  using State = std::array<uint32_t, 8>;

  std::string bytes_;
  std::vector<State> states_;  // Of the hash after each whole step; those that are known.
};

}  // namespace modelref

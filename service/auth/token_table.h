#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/auth/token_entry.h"

namespace modelref {

// The tokens of a file, to be found by the secret. Immutable, thread-safe.
//
// How long a lookup takes tells nothing about the tokens: they are kept under their sums, hashed
// once more with a salt that the process chose, and compared in constant time.
class TokenTable {
 public:
  explicit TokenTable(std::vector<TokenEntry> entries);

  // Null when no entry has this secret. Expired ones are found.
  const TokenEntry* Find(absl::string_view secret) const;

  const std::vector<TokenEntry>& entries() const { return entries_; }
  // The next moment after `now` at which a token expires; InfiniteFuture: none.
  absl::Time NextExpiry(absl::Time now) const;

 private:
  uint64_t Place(const Sha256Digest& sum) const;

  std::vector<TokenEntry> entries_;
  std::string salt_;
  std::unordered_multimap<uint64_t, size_t> places_;  // Of entries_.
};

}  // namespace modelref

#include "service/auth/token_table.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "service/auth/random_bytes.h"

namespace modelref {

TokenTable::TokenTable(std::vector<TokenEntry> entries)
    : entries_(std::move(entries)), salt_(RandomBytes(32)) {
  places_.reserve(entries_.size());
  for (size_t i = 0; i < entries_.size(); ++i) places_.emplace(Place(entries_[i].sha256), i);
}

const TokenEntry* TokenTable::Find(absl::string_view secret) const {
  const Sha256Digest sum = Sha256(secret);
  const auto [first, last] = places_.equal_range(Place(sum));
  for (auto place = first; place != last; ++place) {
    const TokenEntry& entry = entries_[place->second];
    if (CRYPTO_memcmp(entry.sha256.data(), sum.data(), sum.size()) == 0) return &entry;
  }
  return nullptr;
}

absl::Time TokenTable::NextExpiry(absl::Time now) const {
  absl::Time next = absl::InfiniteFuture();
  for (const TokenEntry& entry : entries_) {
    if (entry.expires > now) next = std::min(next, entry.expires);
  }
  return next;
}

uint64_t TokenTable::Place(const Sha256Digest& sum) const {
  Sha256Hasher hasher;
  hasher.Update(salt_);
  hasher.Update(AsBytes(sum));
  const Sha256Digest salted = hasher.Finish();
  uint64_t place = 0;
  std::memcpy(&place, salted.data(), sizeof(place));
  return place;
}

}  // namespace modelref

// Only these functions give the state of a hash away.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "backends/base/digested_bytes.h"

#include <openssl/sha.h>

#include <algorithm>

namespace modelref {
namespace {

constexpr size_t kStep = 2048;
static_assert(kStep % SHA256_CBLOCK == 0, "a state is whole only between blocks");

}  // namespace

void DigestedBytes::Replace(size_t offset, absl::string_view part) {
  bytes_.replace(offset, part.size(), part.data(), part.size());
  states_.resize(std::min(states_.size(), offset / kStep));
}

Sha256Digest DigestedBytes::Digest() {
  SHA256_CTX context;
  SHA256_Init(&context);
  if (!states_.empty()) {
    std::copy(states_.back().begin(), states_.back().end(), context.h);
    const uint64_t bits = uint64_t{states_.size()} * kStep * 8;
    context.Nl = static_cast<SHA_LONG>(bits);
    context.Nh = static_cast<SHA_LONG>(bits >> 32);
  }
  for (size_t at = states_.size() * kStep; at < bytes_.size(); at += kStep) {
    const size_t size = std::min(kStep, bytes_.size() - at);
    SHA256_Update(&context, bytes_.data() + at, size);
    if (size < kStep) break;
    State& state = states_.emplace_back();
    std::copy(std::begin(context.h), std::end(context.h), state.begin());
  }
  Sha256Digest digest;
  SHA256_Final(digest.data(), &context);
  return digest;
}

}  // namespace modelref

#include "backends/base/digest.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"

namespace modelref {

namespace {

// Fetched once: OpenSSL 3 otherwise looks the algorithm up, under a lock, for every digest.
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

}  // namespace

Sha256Digest Sha256(absl::string_view bytes) {
  thread_local Sha256Hasher hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex2(context_, Sha256Algorithm(), nullptr);
}

Sha256Hasher::~Sha256Hasher() { EVP_MD_CTX_free(context_); }

void Sha256Hasher::Update(absl::string_view bytes) {
  EVP_DigestUpdate(context_, bytes.data(), bytes.size());
}

void Sha256Hasher::UpdateU32BigEndian(uint32_t value) {
  const char bytes[4] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                         static_cast<char>(value >> 8), static_cast<char>(value)};
  Update(absl::string_view(bytes, sizeof(bytes)));
}

void Sha256Hasher::UpdateU64BigEndian(uint64_t value) {
  UpdateU32BigEndian(static_cast<uint32_t>(value >> 32));
  UpdateU32BigEndian(static_cast<uint32_t>(value));
}

Sha256Digest Sha256Hasher::Finish() {
  Sha256Digest digest;
  EVP_DigestFinal_ex(context_, digest.data(), nullptr);
  EVP_DigestInit_ex2(context_, Sha256Algorithm(), nullptr);
  return digest;
}

absl::string_view AsBytes(const Sha256Digest& digest) {
  return absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size());
}

std::string ToHex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

}  // namespace modelref

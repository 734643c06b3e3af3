#include "service/watch/resume.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

// Layout: version, whether a chain is there, epoch, revision, chain (zeros without), the hashes,
// checksum over everything before; integers big-endian.
constexpr char kVersion = 1;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kBodyBytes =
    2 + sizeof(Epoch) + sizeof(uint64_t) + sizeof(ChainPrefix) + 2 * sizeof(uint64_t);

void AppendU64(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

uint64_t TakeU64(absl::string_view* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>((*bytes)[i]);
  bytes->remove_prefix(8);
  return value;
}

template <size_t N>
void TakeArray(absl::string_view* bytes, std::array<uint8_t, N>* array) {
  std::copy_n(bytes->begin(), N, array->begin());
  bytes->remove_prefix(N);
}

std::string Checksum(absl::string_view body) {
  const Sha256Digest digest = Sha256(body);
  return std::string(AsBytes(digest).substr(0, kChecksumBytes));
}

}  // namespace

std::string EncodeResumeToken(const ResumeToken& token) {
  std::string bytes;
  bytes.reserve(kBodyBytes + kChecksumBytes);
  bytes.push_back(kVersion);
  bytes.push_back(token.position.chain.has_value() ? 1 : 0);
  bytes.append(token.position.epoch.begin(), token.position.epoch.end());
  AppendU64(token.position.revision, &bytes);
  const ChainPrefix chain = token.position.chain.value_or(ChainPrefix{});
  bytes.append(chain.begin(), chain.end());
  AppendU64(token.filter_hash, &bytes);
  AppendU64(token.documents_hash, &bytes);
  bytes += Checksum(bytes);
  return bytes;
}

absl::StatusOr<ResumeToken> DecodeResumeToken(absl::string_view bytes) {
  if (bytes.empty() || bytes[0] != kVersion) {
    return BadResumeToken("it is no token of this version");
  }
  if (bytes.size() != kBodyBytes + kChecksumBytes ||
      bytes.substr(kBodyBytes) != Checksum(bytes.substr(0, kBodyBytes)) || bytes[1] < 0 ||
      bytes[1] > 1) {
    return BadResumeToken("it is damaged");
  }
  const bool has_chain = bytes[1] == 1;
  bytes.remove_prefix(2);
  ResumeToken token;
  TakeArray(&bytes, &token.position.epoch);
  token.position.revision = TakeU64(&bytes);
  ChainPrefix chain;
  TakeArray(&bytes, &chain);
  if (has_chain) token.position.chain = chain;
  token.filter_hash = TakeU64(&bytes);
  token.documents_hash = TakeU64(&bytes);
  return token;
}

absl::Status BadResumeToken(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_RESUME_TOKEN",
               absl::StrCat("resume_token: ", what, "; start without it"),
               {.field_violations = {{"resume_token", std::string(what)}}});
}

}  // namespace modelref

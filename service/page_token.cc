#include "service/page_token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

// Layout: version, checksum, then the fields in the order of the struct, integers big-endian.
constexpr char kVersion = 1;
constexpr size_t kChecksumBytes = 8;
constexpr size_t kHeadBytes = 1 + kChecksumBytes;
constexpr size_t kFixedBytes = kHeadBytes + 4 * sizeof(uint64_t) + 1 + sizeof(uint64_t);
// Longer than the longest model name makes it.
constexpr size_t kMaxTextBytes = 4096;

void AppendU64(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

uint64_t TakeU64(absl::string_view* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>((*bytes)[i]);
  bytes->remove_prefix(8);
  return value;
}

std::string Checksum(absl::string_view body) {
  const Sha256Digest digest = Sha256(body);
  return std::string(AsBytes(digest).substr(0, kChecksumBytes));
}

}  // namespace

std::string EncodePageToken(const PageToken& token) {
  std::string body;
  AppendU64(token.query_hash, &body);
  AppendU64(token.revision, &body);
  AppendU64(token.etag_prefix, &body);
  AppendU64(token.order_end, &body);
  body.push_back(token.key_missing ? 1 : 0);
  AppendU64(token.key, &body);
  body.append(token.name);
  return absl::WebSafeBase64Escape(
      absl::StrCat(absl::string_view(&kVersion, 1), Checksum(body), body));
}

absl::StatusOr<PageToken> DecodePageToken(absl::string_view text) {
  std::string bytes;
  if (text.size() > kMaxTextBytes || !absl::WebSafeBase64Unescape(text, &bytes) ||
      bytes.size() < kFixedBytes) {
    return BadPageToken("it is damaged");
  }
  if (bytes[0] != kVersion) return BadPageToken("another version of the server made it");
  absl::string_view body = absl::string_view(bytes).substr(kHeadBytes);
  if (absl::string_view(bytes).substr(1, kChecksumBytes) != Checksum(body)) {
    return BadPageToken("it is damaged");
  }
  PageToken token;
  token.query_hash = TakeU64(&body);
  token.revision = TakeU64(&body);
  token.etag_prefix = TakeU64(&body);
  token.order_end = TakeU64(&body);
  token.key_missing = body[0] != 0;
  body.remove_prefix(1);
  token.key = TakeU64(&body);
  token.name = std::string(body);
  // Base64 has several texts for the same bytes: unused bits, padding, white space.
  if (EncodePageToken(token) != text) return BadPageToken("it is damaged");
  return token;
}

absl::Status BadPageToken(absl::string_view why) {
  ErrorExtras extras;
  extras.field_violations.push_back(
      {"page_token", absl::StrCat(why, "; start again from the first page")});
  return Error(absl::StatusCode::kInvalidArgument, "BAD_PAGE_TOKEN",
               absl::StrCat("the page token cannot be used: ", why), std::move(extras));
}

}  // namespace modelref

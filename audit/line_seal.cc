// The ends of a line of ours, which say what recovery and verification need.

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "audit/line.h"

namespace modelref {
namespace {

constexpr absl::string_view kHead = "{\"event_id\":";
constexpr absl::string_view kTxn = ",\"txn\":";
constexpr absl::string_view kTime = ",\"time_us\":";
constexpr absl::string_view kChain = ",\"chain\":\"";
constexpr absl::string_view kEnd = "\"}";
constexpr size_t kHexBytes = 2 * std::tuple_size_v<Sha256Digest>;

bool IsLowerHex(char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }

std::optional<Sha256Digest> DigestFromHex(absl::string_view hex) {
  if (!std::all_of(hex.begin(), hex.end(), IsLowerHex)) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(hex);
  Sha256Digest digest{};
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

bool ParseDigits(absl::string_view digits, uint64_t* value) {
  return !digits.empty() && std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(digits, value);
}

// Takes a number off the end of `text`, and the key before it.
bool ConsumeNumber(absl::string_view key, bool may_be_negative, absl::string_view* text,
                   uint64_t* value) {
  size_t start = text->size();
  while (start > 0 && absl::ascii_isdigit((*text)[start - 1])) --start;
  if (!ParseDigits(text->substr(start), value)) return false;
  if (may_be_negative && start > 0 && (*text)[start - 1] == '-') --start;
  *text = text->substr(0, start);
  return absl::ConsumeSuffix(text, key);
}

}  // namespace

std::optional<AuditSeal> FindAuditSeal(absl::string_view line) {
  if (!absl::StartsWith(line, kHead) || !absl::ConsumeSuffix(&line, kEnd)) return std::nullopt;
  if (line.size() < kHexBytes) return std::nullopt;
  const std::optional<Sha256Digest> chain = DigestFromHex(line.substr(line.size() - kHexBytes));
  line.remove_suffix(kHexBytes);
  if (!chain.has_value() || !absl::ConsumeSuffix(&line, kChain)) return std::nullopt;
  AuditSeal seal;
  seal.chain = *chain;
  seal.covered = line;
  uint64_t time_us = 0;
  if (!ConsumeNumber(kTime, /*may_be_negative=*/true, &line, &time_us)) return std::nullopt;
  if (!ConsumeNumber(kTxn, /*may_be_negative=*/false, &line, &seal.txn)) return std::nullopt;
  if (!absl::ConsumePrefix(&line, kHead)) return std::nullopt;
  const absl::string_view id = line.substr(0, line.find(','));
  if (id.size() == line.size() || !ParseDigits(id, &seal.event_id)) return std::nullopt;
  return seal;
}

absl::string_view CoveredPart(absl::string_view encoded) {
  return encoded.substr(0, encoded.size() - 1);
}

std::string SealAuditLine(absl::string_view encoded, const Sha256Digest& chain) {
  return absl::StrCat(CoveredPart(encoded), kChain, ToHex(AsBytes(chain)), kEnd);
}

}  // namespace modelref

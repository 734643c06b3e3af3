#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/digest.h"
#include "service/auth/caller.h"

namespace modelref {

// One token of a tokens file. The token itself is nowhere kept.
struct TokenEntry {
  Sha256Digest sha256{};
  std::string id;    // The caller's; several tokens may share it while one replaces another.
  std::string name;  // For people.
  Role role = Role::kReader;
  absl::Time created = absl::InfinitePast();    // InfinitePast: not told.
  absl::Time expires = absl::InfiniteFuture();  // InfiniteFuture: never.
  bool operator==(const TokenEntry&) const = default;
};

// The text of a tokens file: one JSON object per line with
//   "sha256"   64 lower-case hexadecimal digits, no two the same
//   "id"       1 to 128 visible ASCII characters, but for "anonymous", "system:..." and
//              "external:...", which the audit trail has for nobody's
//   "name"     at most 256 bytes without control characters; left out: the id
//   "role"     reader, requestor, approver, admin or worker
//   "created"  "expires"  RFC 3339; may be left out
// Empty lines are skipped; entries of one id agree in name and role. Anything else is an error:
// INVALID_ARGUMENT with the number of the line, and none of its text.
absl::StatusOr<std::vector<TokenEntry>> ParseTokens(absl::string_view text);

// Lines that ParseTokens reads as the same entries.
std::string FormatTokens(const std::vector<TokenEntry>& entries);

// The first 12 digits of the sum: names one token among those of an id.
std::string TokenFingerprint(const TokenEntry& entry);

// INVALID_ARGUMENT when an entry with this id or name could not be read back.
absl::Status CheckCallerId(absl::string_view id);
absl::Status CheckCallerName(absl::string_view name);

inline constexpr size_t kMaxTokens = 100'000;
inline constexpr size_t kMaxTokensFileBytes = 64 << 20;

}  // namespace modelref

#pragma once

// Changes of a tokens file by an operator's program, while servers read it.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/auth/token_entry.h"

namespace modelref {

struct NewToken {
  std::string id;
  std::string name;  // Empty: as other tokens of the id have it, or the id.
  Role role = Role::kReader;
  absl::Time expires = absl::InfiniteFuture();
};

struct CreatedToken {
  std::string secret;  // Told to nobody else, ever.
  TokenEntry entry;
};

// Changes take a lock on the folder, one after the other, and replace the file as a whole: it is
// the old one or the new one after a crash. A new file has mode 0600; one that was there keeps its
// owner, group and mode. Errors of durable_file.h, and
//   INVALID_ARGUMENT     the file cannot be read as tokens, or the id or name cannot be written.
//   FAILED_PRECONDITION  TOKENS_FILE: others may write the file, and no server would see the
//                        change.
//   UNAVAILABLE          another program held the lock for `patience`.
inline constexpr absl::Duration kLockPatience = absl::Seconds(10);

// Makes the file when there is none.
//   ALREADY_EXISTS  the id has tokens with another name or role.
absl::StatusOr<CreatedToken> CreateToken(const std::string& path, const NewToken& token,
                                         absl::Time now, absl::Duration patience = kLockPatience);

// Removes the tokens of the id, or the one of that fingerprint, and returns them.
//   NOT_FOUND  there are none.
absl::StatusOr<std::vector<TokenEntry>> RevokeTokens(const std::string& path,
                                                     absl::string_view id_or_fingerprint,
                                                     absl::Duration patience = kLockPatience);

absl::StatusOr<std::vector<TokenEntry>> ListTokens(const std::string& path);

}  // namespace modelref

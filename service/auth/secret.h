#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/auth/caller.h"

namespace modelref {

// The one secret that a call brings. The view lives as long as the credentials. Never logged.
struct Secret {
  enum class Kind { kBearer, kApiKey };
  Kind kind = Kind::kBearer;
  absl::string_view text;  // 1 to 512 visible ASCII characters.
};

// What every token that modelrefctl makes begins with. Such a secret is ours, and no other source
// of identities is ever asked about it.
inline constexpr absl::string_view kTokenPrefix = "mrt_";

// From "authorization: Bearer ..." or "apikey: ...". The same secret may come in both.
//   UNAUTHENTICATED CREDENTIAL_INVALID  another scheme, an impossible text, one header twice, or
//                                       two that differ.
absl::StatusOr<Secret> SecretOf(const Credentials& credentials);

// The answer to a credential that no source knows.
absl::Status UnknownCredential();

}  // namespace modelref

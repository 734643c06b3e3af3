#include "service/auth/secret.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr size_t kMaxSecretBytes = 512;
constexpr absl::string_view kBearer = "Bearer ";

absl::Status Invalid(absl::string_view message) {
  return Error(absl::StatusCode::kUnauthenticated, "CREDENTIAL_INVALID", message);
}

absl::Status CheckText(absl::string_view text) {
  if (text.empty()) return Invalid("the credential is empty");
  if (text.size() > kMaxSecretBytes) return Invalid("the credential is too long");
  const bool visible =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isgraph(c); });
  return visible ? absl::OkStatus() : Invalid("the credential holds characters it cannot have");
}

absl::StatusOr<absl::string_view> BearerToken(absl::string_view authorization) {
  if (!absl::StartsWithIgnoreCase(authorization, kBearer)) {
    return Invalid("authorization must be \"Bearer\" and a token");
  }
  return absl::StripAsciiWhitespace(authorization.substr(kBearer.size()));
}

}  // namespace

absl::StatusOr<Secret> SecretOf(const Credentials& credentials) {
  if (credentials.repeated) return Invalid("a credential came more than once");
  Secret secret;
  if (credentials.authorization.has_value()) {
    ASSIGN_OR_RETURN(secret.text, BearerToken(*credentials.authorization));
  }
  if (credentials.apikey.has_value()) {
    const absl::string_view key = absl::StripAsciiWhitespace(*credentials.apikey);
    if (credentials.authorization.has_value() && key != secret.text) {
      return Invalid("authorization and apikey differ");
    }
    secret = {Secret::Kind::kApiKey, key};
  }
  RETURN_IF_ERROR(CheckText(secret.text));
  return secret;
}

absl::Status UnknownCredential() { return Invalid("the credential is not known"); }

}  // namespace modelref

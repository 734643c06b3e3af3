#pragma once

#include <memory>
#include <optional>

#include "backends/base/clock.h"
#include "service/auth/authenticator.h"
#include "service/auth/caller_roles.h"
#include "service/auth/certificate_ends.h"
#include "service/auth/horde_lookup.h"
#include "service/auth/secret.h"
#include "service/auth/tokens_file.h"

namespace modelref {

// The configured sources of identities as one.
//
//   a secret     decides alone, whatever certificate comes with it: first the tokens file, then,
//   for
//                an `apikey` that is no token of ours, AI-Horde. Known to none: CREDENTIAL_INVALID.
//   no secret    the subject of the verified certificate, as RFC 2253 writes it:
//                "CN=worker-7,O=Fleet"; TOKEN_EXPIRED when the certificate has ended since its
//                connection began.
//
// A token has the role of its line; users of AI-Horde and subjects have the role of the lists that
// name them, and are readers otherwise. Thread-safe.
class IdentitySources final : public Authenticator {
 public:
  struct Sources {
    std::shared_ptr<TokensFile> tokens;  // Each may be null: not a source here.
    std::shared_ptr<HordeLookup> horde;
    bool certificates = false;
    std::shared_ptr<const CallerRoles> roles = std::make_shared<const CallerRoles>();
    Clock* clock = &RealClock();  // Not owned.
  };

  explicit IdentitySources(Sources sources);

  std::optional<absl::StatusOr<Caller>> Identify(const Credentials& credentials) const override;
  void Ask(const Credentials& credentials, IdentityCallback done) const override;

 private:
  std::optional<absl::StatusOr<Caller>> BySecret(const Secret& secret) const;
  absl::StatusOr<Caller> ByCertificate(const Credentials& credentials) const;
  bool MayAskHorde(const Secret& secret) const;

  const Sources sources_;
  const CertificateEnds certificate_ends_;
};

}  // namespace modelref

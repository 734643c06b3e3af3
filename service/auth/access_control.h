#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/auth/authenticator.h"
#include "service/auth/caller.h"
#include "service/auth/policy.h"

namespace modelref {

struct AccessOptions {
  // Null: no source of identities (authentication is off).
  std::shared_ptr<const Authenticator> authenticator;
  // Accept secrets over plaintext from beyond this machine.
  bool allow_plaintext_secrets = false;
};

// Decides who may call what. Two regimes:
//
//   authentication off  Processes of this machine (unix socket, loopback) may do everything. Others
//                       may read and do nothing else. Credentials are not looked at.
//   authentication on   A credential makes the caller what its source says. Without one a caller
//                       may read, from wherever.
//
// Methods without a row in the policy are refused. Thread-safe.
class AccessControl {
 public:
  explicit AccessControl(AccessOptions options) : options_(std::move(options)) {}

  bool authentication_on() const { return options_.authenticator != nullptr; }

  // The caller of an admitted call; none when somebody has to be asked first: see Ask().
  //   PERMISSION_DENIED  LOOPBACK_ONLY         authentication is off and the peer is remote.
  //                      ROLE_REQUIRED         the metadata "role" names it.
  //                      PLAINTEXT_CREDENTIAL  a secret that others could have read.
  //   UNAUTHENTICATED    CREDENTIAL_MISSING    nothing was sent and reading is not enough.
  //                      CREDENTIAL_INVALID, TOKEN_EXPIRED and UNAVAILABLE IDENTITY_UNAVAILABLE as
  //                      the Authenticator says.
  std::optional<absl::StatusOr<Caller>> Admit(absl::string_view method,
                                              const Credentials& credentials) const;

  // Who calls the method, as far as it matters to it, and whether that may be, are the two halves
  // of Admit().
  std::optional<absl::StatusOr<Caller>> Identify(absl::string_view method,
                                                 const Credentials& credentials) const;
  // Asks who brings the credentials of a call to which Identify() or Admit() said none; AdmitAs()
  // with the answer decides.
  void Ask(const Credentials& credentials, IdentityCallback done) const;
  absl::StatusOr<Caller> AdmitAs(absl::string_view method, PeerKind peer,
                                 absl::StatusOr<Caller> identified) const;

  // Whether a stream or an upload of the method may go on; none when somebody has to be asked
  // first: ReviewAs() with the answer to Ask() decides. Unlike for a new call, an identity that
  // nobody can confirm for the moment only ends what a reader may not do.
  std::optional<absl::Status> Review(absl::string_view method,
                                     const Credentials& credentials) const;
  absl::Status ReviewAs(absl::string_view method, PeerKind peer,
                        const absl::StatusOr<Caller>& identified) const;

  // Whether Admit() admits every caller to the method, whatever the credentials: reading, where
  // authentication is off.
  bool IsForAnybody(absl::string_view method) const;
  // Who calls where authentication is off.
  static Caller UnidentifiedCaller(PeerKind peer);

  // The same decision for a part of a call that needs more than its method, such as force_refresh
  // or a direct write. `what` names it in the message.
  absl::Status Require(const Caller& caller, Role role, absl::string_view what) const;

 private:
  std::optional<absl::StatusOr<Caller>> IdentifyCaller(const Credentials& credentials) const;

  const AccessOptions options_;
};

}  // namespace modelref

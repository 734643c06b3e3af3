#pragma once

#include "absl/status/statusor.h"
#include "service/auth/caller.h"

namespace modelref {

// A source of identities: a tokens file, AI-Horde, client certificates, or several of them.
// Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // Who brings these credentials; called for calls that bring any. Runs on the threads that serve
  // calls and must not block: a source that has to ask somebody answers from what it has learnt and
  // says UNAVAILABLE, with a time to come again, while it asks. The answer's `peer` is ignored.
  //   UNAUTHENTICATED CREDENTIAL_INVALID, TOKEN_EXPIRED
  //   UNAVAILABLE IDENTITY_UNAVAILABLE
  // Messages never hold a part of a credential.
  virtual absl::StatusOr<Caller> Identify(const Credentials& credentials) const = 0;
};

}  // namespace modelref

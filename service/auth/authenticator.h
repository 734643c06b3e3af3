#pragma once

#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "service/auth/caller.h"

namespace modelref {

// Takes the answer to Authenticator::Ask: once, on any thread, perhaps before Ask returns. Must be
// quick.
using IdentityCallback = std::function<void(absl::StatusOr<Caller>)>;

// Says who brings credentials: from a tokens file, AI-Horde, client certificates, or several of
// them. The answer's `peer` is ignored. Thread-safe.
//   UNAUTHENTICATED CREDENTIAL_INVALID, TOKEN_EXPIRED
//   UNAVAILABLE IDENTITY_UNAVAILABLE   with a time to come again.
// Messages never hold a part of a credential.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // What is known without asking anybody; none: somebody has to be asked, see Ask(). Called for
  // calls that bring credentials, on the threads that serve calls; does not block.
  virtual std::optional<absl::StatusOr<Caller>> Identify(const Credentials& credentials) const = 0;

  // Asks whoever knows, and returns without waiting. To be called when Identify() said none;
  // `credentials` may go when it returns.
  virtual void Ask(const Credentials& credentials, IdentityCallback done) const = 0;
};

}  // namespace modelref

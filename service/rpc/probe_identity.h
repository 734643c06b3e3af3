#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace modelref {

// What a server that wants certificates of its clients shows itself in a self-probe. Its key is in
// the memory of this process alone.
struct ProbeIdentity {
  std::string certificate_pem;
  std::string key_pem;
};

// A certificate that signs itself and can sign no other, with a name that nobody can know before.
// Another one for each call.
//   INTERNAL  OpenSSL makes none.
absl::StatusOr<ProbeIdentity> MakeProbeIdentity();

}  // namespace modelref

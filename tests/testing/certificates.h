#pragma once

#include <string>

#include "absl/time/time.h"

namespace modelref::testing {

// A certificate with its key, PEM.
struct TestCertificate {
  std::string certificate;
  std::string key;
};

// An authority that signs itself.
TestCertificate MakeAuthority(const std::string& name);
// Signed by `authority`, for clients, and for servers at "localhost" and 127.0.0.1.
TestCertificate MakeCertificate(const std::string& name, const TestCertificate& authority,
                                absl::Duration lifetime = absl::Hours(24 * 365));

}  // namespace modelref::testing

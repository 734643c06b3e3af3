#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace modelref {

// Where certificate, key and authorities are, PEM.
struct TlsFiles {
  std::string certificate;  // The chain, the server's own first.
  std::string private_key;
  std::string client_ca;  // Empty: client certificates are not asked for.
  bool require_client_certificate = false;
};

// What they held, checked.
struct TlsMaterial {
  std::string certificate_pem;
  std::string key_pem;
  std::string client_ca_pem;
  absl::Time expires;  // The first end of the chain's certificates.
};

// Reads the files.
//   FAILED_PRECONDITION TLS_FILES   one cannot be read or parsed, the key is not the certificate's,
//                                   or the certificate has expired at `now`. Names the file.
absl::StatusOr<TlsMaterial> LoadTlsFiles(const TlsFiles& files, absl::Time now);

// Differs when any of the files was replaced or written. Follows symbolic links.
std::string TlsFilesVersion(const TlsFiles& files);

}  // namespace modelref

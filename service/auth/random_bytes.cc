#include "service/auth/random_bytes.h"

#include <openssl/rand.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "backends/base/log.h"
#include "service/auth/secret.h"

namespace modelref {

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1) {
    return bytes;
  }
  // A secret that others can guess is worse than none.
  Log(LogLevel::kError, "auth.no_random_bytes");
  std::abort();
}

std::string MakeToken() {
  return absl::StrCat(kTokenPrefix, absl::WebSafeBase64Escape(RandomBytes(32)));
}

}  // namespace modelref

#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/mutex.h"

namespace modelref {

// When certificates end. Answers are kept, because every call of a connection asks again and
// parsing costs more than the rest of a small call. Bounded; thread-safe.
class CertificateEnds {
 public:
  explicit CertificateEnds(size_t max_certificates = 4096) : max_certificates_(max_certificates) {}

  // Of the first certificate of a PEM text; InfinitePast when there is none that can be read.
  absl::Time Of(absl::string_view pem) const;

 private:
  const size_t max_certificates_;
  mutable Mutex mutex_;
  mutable std::map<std::string, absl::Time, std::less<>> ends_ ABSL_GUARDED_BY(mutex_);  // By PEM.
};

}  // namespace modelref

#include "service/auth/certificate_ends.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

namespace modelref {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

absl::Time ParseEnd(absl::string_view pem) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return absl::InfinitePast();
  const std::unique_ptr<X509, Free> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return absl::InfinitePast();
  }
  return absl::FromTM(end, absl::UTCTimeZone());
}

}  // namespace

absl::Time CertificateEnds::Of(absl::string_view pem) const {
  {
    MutexLock lock(&mutex_);
    const auto known = ends_.find(pem);
    if (known != ends_.end()) return known->second;
  }
  const absl::Time end = ParseEnd(pem);
  MutexLock lock(&mutex_);
  if (ends_.size() >= max_certificates_) ends_.clear();
  ends_.emplace(pem, end);
  return end;
}

}  // namespace modelref

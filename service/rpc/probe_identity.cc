#include "service/rpc/probe_identity.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

// Longer than a process lives; the clock may be wrong when it starts.
constexpr long kLifetimeSeconds = 20L * 365 * 24 * 3600;
constexpr size_t kNameBytes = 16;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

bool SetName(X509* certificate) {
  std::array<unsigned char, kNameBytes> random{};
  if (RAND_bytes(random.data(), random.size()) != 1) return false;
  const std::string name = absl::StrCat(
      "modelrefd self-probe ",
      absl::BytesToHexString({reinterpret_cast<const char*>(random.data()), random.size()}));
  X509_NAME* const subject = X509_get_subject_name(certificate);
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                    0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

bool SignsNoOther(X509* certificate) {
  const Owned<X509_EXTENSION> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:FALSE"));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

Owned<X509> SelfSigned(EVP_PKEY* key) {
  constexpr long kVersion3 = 2;
  Owned<X509> made(X509_new());
  X509* const certificate = made.get();
  if (certificate == nullptr || X509_set_version(certificate, kVersion3) != 1 ||
      ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) != 1 ||
      X509_gmtime_adj(X509_getm_notBefore(certificate), -kLifetimeSeconds) == nullptr ||
      X509_gmtime_adj(X509_getm_notAfter(certificate), kLifetimeSeconds) == nullptr ||
      X509_set_pubkey(certificate, key) != 1 || !SetName(certificate) ||
      !SignsNoOther(certificate) || X509_sign(certificate, key, EVP_sha256()) == 0) {
    return nullptr;
  }
  return made;
}

}  // namespace

absl::StatusOr<ProbeIdentity> MakeProbeIdentity() {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> certificate = key == nullptr ? nullptr : SelfSigned(key.get());
  const Owned<BIO> certificate_pem(BIO_new(BIO_s_mem()));
  const Owned<BIO> key_pem(BIO_new(BIO_s_secmem()));
  if (certificate == nullptr || certificate_pem == nullptr || key_pem == nullptr ||
      PEM_write_bio_X509(certificate_pem.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return absl::InternalError("OpenSSL makes no certificate for the self-probe");
  }
  return ProbeIdentity{TextOf(certificate_pem.get()), TextOf(key_pem.get())};
}

}  // namespace modelref

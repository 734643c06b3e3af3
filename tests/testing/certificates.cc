#include "tests/testing/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <memory>

namespace modelref::testing {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

std::string TextOf(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

void AddExtension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate NewCertificate(const std::string& name, EVP_PKEY* key, absl::Duration lifetime) {
  static std::atomic<long> serial{1};
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial.fetch_add(1));
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()),
                  static_cast<long>(absl::ToInt64Seconds(lifetime)));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

TestCertificate Sign(Certificate certificate, const Key& key, X509* issuer, EVP_PKEY* issuer_key) {
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
  X509_sign(certificate.get(), issuer_key, EVP_sha256());
  TestCertificate made;
  const Bio pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(pem.get(), certificate.get());
  made.certificate = TextOf(pem);
  const Bio key_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  made.key = TextOf(key_pem);
  return made;
}

}  // namespace

TestCertificate MakeAuthority(const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  Certificate certificate = NewCertificate(name, key.get(), absl::Hours(24 * 365));
  X509* const self = certificate.get();
  AddExtension(self, self, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
  return Sign(std::move(certificate), key, self, key.get());
}

TestCertificate MakeCertificate(const std::string& name, const TestCertificate& authority,
                                absl::Duration lifetime) {
  const Bio pem(BIO_new_mem_buf(authority.certificate.data(),
                                static_cast<int>(authority.certificate.size())));
  const Certificate issuer(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
  const Bio key_pem(BIO_new_mem_buf(authority.key.data(), static_cast<int>(authority.key.size())));
  const Key issuer_key(PEM_read_bio_PrivateKey(key_pem.get(), nullptr, nullptr, nullptr));
  const Key key(EVP_EC_gen("P-256"));
  Certificate certificate = NewCertificate(name, key.get(), lifetime);
  AddExtension(certificate.get(), issuer.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  AddExtension(certificate.get(), issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  return Sign(std::move(certificate), key, issuer.get(), issuer_key.get());
}

}  // namespace modelref::testing

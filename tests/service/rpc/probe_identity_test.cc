#include "service/rpc/probe_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

std::unique_ptr<BIO, Free> Pem(const std::string& text) {
  return std::unique_ptr<BIO, Free>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

TEST(ProbeIdentityTest, IsACertificateOfItsKeyThatCanSignNoOther) {
  ASSERT_OK_AND_ASSIGN(const ProbeIdentity made, MakeProbeIdentity());
  const std::unique_ptr<X509, Free> certificate(
      PEM_read_bio_X509(Pem(made.certificate_pem).get(), nullptr, nullptr, nullptr));
  const std::unique_ptr<EVP_PKEY, Free> key(
      PEM_read_bio_PrivateKey(Pem(made.key_pem).get(), nullptr, nullptr, nullptr));
  ASSERT_NE(certificate, nullptr);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(X509_check_private_key(certificate.get(), key.get()), 1);
  EXPECT_EQ(X509_check_ca(certificate.get()), 0);
  EXPECT_EQ(X509_verify(certificate.get(), key.get()), 1);
  EXPECT_EQ(X509_cmp_current_time(X509_get0_notBefore(certificate.get())), -1);
  EXPECT_EQ(X509_cmp_current_time(X509_get0_notAfter(certificate.get())), 1);
}

TEST(ProbeIdentityTest, IsAnotherEachTime) {
  ASSERT_OK_AND_ASSIGN(const ProbeIdentity first, MakeProbeIdentity());
  ASSERT_OK_AND_ASSIGN(const ProbeIdentity second, MakeProbeIdentity());
  EXPECT_NE(first.certificate_pem, second.certificate_pem);
  EXPECT_NE(first.key_pem, second.key_pem);
}

}  // namespace
}  // namespace modelref

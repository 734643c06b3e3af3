#include "service/rpc/tls_files.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr uint64_t kMaxPemBytes = uint64_t{1} << 20;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

absl::Status Unusable(const std::string& path, absl::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, "TLS_FILES", absl::StrCat(path, ": ", why));
}

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFileToString(path, kMaxPemBytes);
  if (!text.ok()) return Unusable(path, text.status().message());
  return text;
}

Bio BioOf(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::StatusOr<std::vector<Certificate>> ParseCertificates(const std::string& path,
                                                           const std::string& pem) {
  const Bio bio = BioOf(pem);
  std::vector<Certificate> certificates;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(next);
  }
  if (certificates.empty()) return Unusable(path, "holds no certificate in PEM form");
  return certificates;
}

// A key with a passphrase is none: nobody is there to type it.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::Time EndOf(const X509* certificate) {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return absl::InfinitePast();
  return absl::FromTM(end, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<TlsMaterial> LoadTlsFiles(const TlsFiles& files, absl::Time now) {
  TlsMaterial material;
  ASSIGN_OR_RETURN(material.certificate_pem, ReadPem(files.certificate));
  ASSIGN_OR_RETURN(const std::vector<Certificate> chain,
                   ParseCertificates(files.certificate, material.certificate_pem));
  ASSIGN_OR_RETURN(material.key_pem, ReadPem(files.private_key));
  const Bio bio = BioOf(material.key_pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return Unusable(files.private_key, "holds no private key in PEM form");
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return Unusable(files.private_key, absl::StrCat("is not the key of ", files.certificate));
  }
  material.expires = absl::InfiniteFuture();
  for (const Certificate& certificate : chain) {
    material.expires = std::min(material.expires, EndOf(certificate.get()));
  }
  if (material.expires <= now) {
    return Unusable(
        files.certificate,
        absl::StrCat("expired at ", absl::FormatTime(material.expires, absl::UTCTimeZone())));
  }
  if (files.client_ca.empty()) return material;
  ASSIGN_OR_RETURN(material.client_ca_pem, ReadPem(files.client_ca));
  RETURN_IF_ERROR(ParseCertificates(files.client_ca, material.client_ca_pem).status());
  return material;
}

std::string TlsFilesVersion(const TlsFiles& files) {
  std::string version;
  for (const std::string& path : {files.certificate, files.private_key, files.client_ca}) {
    struct stat info {};
    if (path.empty() || stat(path.c_str(), &info) != 0) {
      version += "-;";
      continue;
    }
    absl::StrAppend(&version, info.st_dev, ",", info.st_ino, ",", info.st_size, ",",
                    info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, ",", info.st_ctim.tv_sec, ".",
                    info.st_ctim.tv_nsec, ";");
  }
  return version;
}

}  // namespace modelref

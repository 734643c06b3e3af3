// LoadSecrets of settings.h.

#include <sys/stat.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/settings.h"

namespace modelref::ctl {
namespace {

constexpr uint64_t kMaxSecretBytes = 8 << 10;
constexpr uint64_t kMaxPemBytes = 1 << 20;

absl::StatusOr<std::string> ReadNamed(const std::string& path, uint64_t max_bytes) {
  absl::StatusOr<std::string> text = ReadFileToString(path, max_bytes);
  if (text.ok()) return text;
  return UsageError(absl::StrCat("cannot read ", path, ": ", text.status().message()));
}

absl::StatusOr<std::string> ReadSecret(const std::string& path, std::string* warning) {
  ASSIGN_OR_RETURN(const std::string text, ReadNamed(path, kMaxSecretBytes));
  std::string secret(absl::StripAsciiWhitespace(text));
  if (secret.empty()) return UsageError(absl::StrCat(path, " is empty"));
  struct stat file;
  if (stat(path.c_str(), &file) == 0 && (file.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    *warning = absl::StrCat("others may read ", path, "; run: chmod 600 ", path);
  }
  return secret;
}

}  // namespace

absl::Status LoadSecrets(const SecretFiles& files, ClientOptions* options, std::string* warning) {
  if (!files.token.empty()) {
    options->credential = {Credential::Kind::kBearer,
                           std::string(absl::StripAsciiWhitespace(files.token))};
  } else if (!files.token_file.empty()) {
    options->credential.kind = Credential::Kind::kBearer;
    ASSIGN_OR_RETURN(options->credential.secret, ReadSecret(files.token_file, warning));
  } else if (!files.api_key_file.empty()) {
    options->credential.kind = Credential::Kind::kApiKey;
    ASSIGN_OR_RETURN(options->credential.secret, ReadSecret(files.api_key_file, warning));
  }
  if (!files.tls) return absl::OkStatus();
  TlsOptions tls;
  if (!files.tls_ca.empty()) {
    ASSIGN_OR_RETURN(tls.root_certificates, ReadNamed(files.tls_ca, kMaxPemBytes));
  }
  if (!files.tls_cert.empty()) {
    ASSIGN_OR_RETURN(tls.certificate_chain, ReadNamed(files.tls_cert, kMaxPemBytes));
    ASSIGN_OR_RETURN(tls.private_key, ReadNamed(files.tls_key, kMaxPemBytes));
  }
  options->tls = std::move(tls);
  return absl::OkStatus();
}

}  // namespace modelref::ctl

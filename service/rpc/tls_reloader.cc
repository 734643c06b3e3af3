#include "service/rpc/tls_reloader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/rpc/tls_credentials.h"

namespace modelref {
namespace {

// Certificate and key are two files: the first look may come between their writing.
constexpr int kLooksBeforeWarning = 2;

}  // namespace

absl::StatusOr<std::unique_ptr<TlsReloader>> TlsReloader::Start(const Options& options,
                                                                Clock& clock) {
  std::string version = TlsFilesVersion(options.files);
  absl::StatusOr<TlsMaterial> material = LoadTlsFiles(options.files, clock.TimeNow());
  if (!material.ok()) return material.status();
  ProbeIdentity probe_identity;
  if (options.files.require_client_certificate) {
    ASSIGN_OR_RETURN(probe_identity, MakeProbeIdentity());
  }
  std::unique_ptr<TlsReloader> reloader(new TlsReloader(options, clock, std::move(probe_identity),
                                                        *std::move(material), std::move(version)));
  reloader->thread_ = std::thread([raw = reloader.get()] { raw->Run(); });
  return reloader;
}

TlsReloader::TlsReloader(const Options& options, Clock& clock, ProbeIdentity probe_identity,
                         TlsMaterial material, std::string version)
    : options_(options),
      clock_(clock),
      probe_identity_(std::move(probe_identity)),
      material_(std::move(material)),
      version_(std::move(version)) {
  status_.expires = material_.expires;
  status_.loads = 1;
}

TlsReloader::~TlsReloader() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_requested_.SignalAll();
  }
  thread_.join();
}

std::shared_ptr<grpc::ServerCredentials> TlsReloader::NewCredentials() {
  return MakeReloadingCredentials(*this, options_.files);
}

TlsReloader::Status TlsReloader::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

TlsMaterial TlsReloader::Material(uint64_t* number) const {
  MutexLock lock(&mutex_);
  *number = status_.loads;
  TlsMaterial material = material_;
  if (!probe_identity_.certificate_pem.empty()) {
    absl::StrAppend(&material.client_ca_pem, "\n", probe_identity_.certificate_pem);
  }
  return material;
}

void TlsReloader::Run() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!stopping_) stop_requested_.WaitFor(&mutex_, options_.interval);
      if (stopping_) return;
    }
    LookAgain();
  }
}

void TlsReloader::LookAgain() {
  std::string version = TlsFilesVersion(options_.files);
  if (version == version_) {
    MutexLock lock(&mutex_);
    status_.failure = absl::OkStatus();
    return;
  }
  failed_looks_ = version == failed_version_ ? failed_looks_ + 1 : 1;
  absl::StatusOr<TlsMaterial> material = LoadTlsFiles(options_.files, clock_.TimeNow());
  // What was read while it was written may not fit together even if it parses; the next look will.
  if (material.ok() && TlsFilesVersion(options_.files) != version) return;
  if (!material.ok()) {
    failed_version_ = std::move(version);
    if (failed_looks_ != kLooksBeforeWarning) return;
    Log(LogLevel::kWarning, "tls.files_not_usable",
        {{"error", std::string(material.status().message())},
         {"effect", "the certificate that was loaded before stays in use"}});
    MutexLock lock(&mutex_);
    ++status_.failures;
    status_.failure = material.status();
    return;
  }
  version_ = std::move(version);
  failed_version_.clear();
  Log(LogLevel::kInfo, "tls.reloaded",
      {{"expires", absl::FormatTime(material->expires, absl::UTCTimeZone())}});
  MutexLock lock(&mutex_);
  material_ = *std::move(material);
  status_.expires = material_.expires;
  status_.failure = absl::OkStatus();
  ++status_.loads;
}

}  // namespace modelref

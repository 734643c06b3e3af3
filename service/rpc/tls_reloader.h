#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "service/rpc/probe_identity.h"
#include "service/rpc/tls_files.h"

namespace grpc {
class ServerCredentials;
}

namespace modelref {

// Certificate, key and authorities of a server that follow their files while it serves: new
// connections get what was last read and found usable; connections that exist keep what they have.
// gRPC's own watching provider takes over whatever a file holds, also a key of another certificate.
// Thread-safe.
class TlsReloader {
 public:
  struct Options {
    TlsFiles files;
    absl::Duration interval = absl::Seconds(5);
  };
  struct Status {
    absl::Time expires;
    uint64_t loads = 0;  // The first one included.
    uint64_t failures = 0;
    absl::Status failure;  // Of the newest files; OK when they are in use.
  };

  // Reads the files and keeps looking at them. Errors as LoadTlsFiles. `clock` must outlive this.
  static absl::StatusOr<std::unique_ptr<TlsReloader>> Start(const Options& options, Clock& clock);
  // Stops looking.
  ~TlsReloader();
  TlsReloader(const TlsReloader&) = delete;
  TlsReloader& operator=(const TlsReloader&) = delete;

  // What the server's own probe shows where certificates are required; it is trusted beside those
  // of the authorities. Empty elsewhere.
  const ProbeIdentity& probe_identity() const { return probe_identity_; }

  // For one listener; this object must outlive its server.
  std::shared_ptr<grpc::ServerCredentials> NewCredentials();

  Status status() const;
  // The newest usable content, with the probe's certificate among the authorities of clients where
  // it has one, and how many there were: another number is other content.
  TlsMaterial Material(uint64_t* number) const;

 private:
  TlsReloader(const Options& options, Clock& clock, ProbeIdentity probe_identity,
              TlsMaterial material, std::string version);

  void Run();
  void LookAgain();

  const Options options_;
  Clock& clock_;
  const ProbeIdentity probe_identity_;
  mutable Mutex mutex_;
  CondVar stop_requested_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  TlsMaterial material_ ABSL_GUARDED_BY(mutex_);
  Status status_ ABSL_GUARDED_BY(mutex_);
  std::string version_;         // Of the content in use. Of the thread.
  std::string failed_version_;  // That was looked at in vain, and how often.
  int failed_looks_ = 0;
  std::thread thread_;
};

}  // namespace modelref

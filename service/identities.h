#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "backends/base/clock.h"
#include "backends/base/mutex.h"
#include "modelref/v1/config.pb.h"
#include "service/auth/access_control.h"
#include "service/auth/horde_lookup.h"
#include "service/auth/tokens_file.h"

namespace modelref {

// How the sources of identities fare.
struct IdentityStatus {
  std::optional<TokensFile::Status> tokens;  // None: not a source.
  std::optional<HordeLookup::Stats> horde;
};

// The sources of identities of a configuration, and the thread that notices when rights end.
// Thread-safe.
class Identities {
 public:
  // FAILED_PRECONDITION TOKENS_FILE when the tokens file cannot be used. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<Identities>> Open(const v1::AuthConfig& config,
                                                          Clock& clock);
  // Stops.
  ~Identities();

  AccessOptions access_options() const;

  // Begins to call `rights_changed` when streams have to be reviewed: at once when tokens changed
  // or expired, and every 5 s where AI-Horde may have changed its mind or a certificate may have
  // ended. Once.
  void Start(std::function<void()> rights_changed);
  // No call comes after it. Idempotent.
  void Stop();

  IdentityStatus status() const;

 private:
  Identities() = default;
  void Run();

  std::shared_ptr<TokensFile> tokens_;
  std::shared_ptr<HordeLookup> horde_;
  std::shared_ptr<const Authenticator> authenticator_;  // Null without a source.
  bool certificates_ = false;
  bool allow_plaintext_ = false;
  std::function<void()> rights_changed_;
  Mutex mutex_;
  CondVar stop_requested_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace modelref

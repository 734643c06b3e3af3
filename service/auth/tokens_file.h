#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/durable_file.h"
#include "backends/base/mutex.h"
#include "service/auth/caller.h"
#include "service/auth/token_table.h"

namespace modelref {

// Reads a tokens file whole, when nobody but its owner and root can have changed it.
//   FAILED_PRECONDITION TOKENS_FILE  it cannot be read, belongs to another user than root and this
//                                    process, others may write it, or a line is wrong.
// `version` is set also where only a line is wrong.
absl::StatusOr<TokenTable> ReadTokensFile(const std::string& path, FileVersion* version);

// FAILED_PRECONDITION TOKENS_FILE when others than its owner may write a file of that mode, so that
// no server takes its tokens.
absl::Status CheckTokensMode(const std::string& path, mode_t mode);

// The tokens of a file that may change. A new file that cannot be used is told in the log, and in
// status() while it is there; the tokens that were read before stay good, and so does the absence
// of those that were revoked. Thread-safe.
class TokensFile {
 public:
  struct Status {
    size_t tokens = 0;
    uint64_t loads = 0;
    uint64_t failures = 0;
    absl::Status failure;  // Of the newest file, while it is not in use.
  };

  // Errors of ReadTokensFile. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<TokensFile>> Open(const std::string& path, Clock& clock);

  // None when no token has this secret.
  //   UNAUTHENTICATED TOKEN_EXPIRED
  std::optional<absl::StatusOr<Caller>> Find(absl::string_view secret) const;

  // Looks at the file. True when rights may have ended since the last look: other tokens, or the
  // expiry of one.
  bool Look();

  Status status() const;

 private:
  TokensFile(std::string path, Clock& clock, TokenTable table, const FileVersion& version);
  std::shared_ptr<const TokenTable> table() const;
  bool LookAtFile(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(look_mutex_);
  void Reset() ABSL_EXCLUSIVE_LOCKS_REQUIRED(look_mutex_);
  void Failed(const absl::Status& failure, absl::string_view version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(look_mutex_);

  const std::string path_;
  Clock& clock_;
  Mutex look_mutex_;
  std::string version_ ABSL_GUARDED_BY(look_mutex_);         // Of the file in use.
  std::string failed_version_ ABSL_GUARDED_BY(look_mutex_);  // Of one that cannot be used.
  std::string wrong_version_ ABSL_GUARDED_BY(look_mutex_);   // Of one with a wrong line.
  absl::Time looked_ ABSL_GUARDED_BY(look_mutex_);
  mutable Mutex mutex_;
  std::shared_ptr<const TokenTable> table_ ABSL_GUARDED_BY(mutex_);
  Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

#include "service/store/import_turn.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/status_macros.h"
#include "service/store/file_lock.h"

namespace modelref {
namespace {

// Shorter than the pause, so that whoever waits sees the lock free.
constexpr absl::Duration kLook = absl::Milliseconds(1);

}  // namespace

absl::Status ImportTurn::Run(const std::function<void()>& work, absl::Duration patience,
                             bool is_polite) {
  MutexLock lock(&mutex_);
  if (path_.empty()) {
    work();
    return absl::OkStatus();
  }
  const absl::Time start = MonotonicClock().TimeNow();
  if (is_polite && start - ended_ < kPause) Pause(kPause - (start - ended_));
  std::optional<FileLock> turn;
  while (true) {
    ASSIGN_OR_RETURN(turn, FileLock::Try(path_, FileLock::Mode::kExclusive));
    if (turn.has_value()) break;
    if (MonotonicClock().TimeNow() - start >= patience) {
      return absl::UnavailableError(absl::StrCat("another process has been importing files for ",
                                                 absl::FormatDuration(patience),
                                                 " and does not end"));
    }
    Pause(kLook);
  }
  work();
  turn.reset();
  ended_ = MonotonicClock().TimeNow();
  return absl::OkStatus();
}

}  // namespace modelref

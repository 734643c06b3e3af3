#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modelref {

// Tells systemd how the service is (sd_notify), when it asked to be told. Thread-safe.
class SystemdNotifier {
 public:
  // What NOTIFY_SOCKET and WATCHDOG_USEC (for WATCHDOG_PID, when that is set) say.
  static SystemdNotifier FromEnvironment();
  // Of nobody: does nothing.
  SystemdNotifier() = default;
  // `socket` is a path, or "@name" for an abstract one.
  SystemdNotifier(std::string socket, std::optional<absl::Duration> watchdog)
      : socket_(std::move(socket)), watchdog_(watchdog) {}

  // Sends lines such as "READY=1". A message that cannot be delivered is lost.
  void Notify(absl::string_view state) const;
  // Within this time systemd wants "WATCHDOG=1", or it restarts the service.
  std::optional<absl::Duration> watchdog() const { return watchdog_; }

 private:
  std::string socket_;
  std::optional<absl::Duration> watchdog_;
};

}  // namespace modelref

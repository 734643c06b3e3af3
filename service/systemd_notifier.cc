#include "service/systemd_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace modelref {
namespace {

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

SystemdNotifier SystemdNotifier::FromEnvironment() {
  int64_t micros = 0;
  int64_t pid = 0;
  const bool is_ours = Variable("WATCHDOG_PID").empty() ||
                       (absl::SimpleAtoi(Variable("WATCHDOG_PID"), &pid) && pid == getpid());
  std::optional<absl::Duration> watchdog;
  if (is_ours && absl::SimpleAtoi(Variable("WATCHDOG_USEC"), &micros) && micros > 0) {
    watchdog = absl::Microseconds(micros);
  }
  return SystemdNotifier(Variable("NOTIFY_SOCKET"), watchdog);
}

void SystemdNotifier::Notify(absl::string_view state) const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (socket_.empty() || socket_.size() >= sizeof(to.sun_path)) return;
  std::copy(socket_.begin(), socket_.end(), to.sun_path);
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // Nobody could be told of a failure.
  [[maybe_unused]] const ssize_t sent =
      sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&to), size);
  close(fd);
}

}  // namespace modelref

#include "service/rpc/passed_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "backends/base/mutex.h"
#include "service/rpc/listen_address.h"
#include "service/rpc/peer_address.h"

namespace modelref {
namespace {

constexpr int kFirstPassed = 3;

int NumberOf(const char* variable) {
  const char* const text = std::getenv(variable);
  int number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : 0;
}

bool Listens(int fd) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return false;
  }
  int type = 0;
  size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

// False when the descriptor was given out before.
bool Claim(int fd) {
  static Mutex* const mutex = new Mutex;
  static std::set<int>* const taken = new std::set<int>;
  MutexLock lock(mutex);
  return taken->insert(fd).second;
}

}  // namespace

absl::StatusOr<std::vector<ListenSocket>> TakePassedSockets(const std::string& address) {
  if (NumberOf("LISTEN_PID") != getpid()) {
    return AddressInvalid(address, "systemd passed no sockets to this process");
  }
  const char* const listed = std::getenv("LISTEN_FDNAMES");
  const std::vector<std::string> names = absl::StrSplit(listed == nullptr ? "" : listed, ':');
  const absl::string_view wanted = absl::StripPrefix(absl::StripPrefix(address, "systemd"), ":");
  std::vector<ListenSocket> sockets;
  for (int i = 0; i < NumberOf("LISTEN_FDS"); ++i) {
    const auto index = static_cast<size_t>(i);
    if (!wanted.empty() && (index >= names.size() || names[index] != wanted)) continue;
    const int fd = kFirstPassed + i;
    if (!Listens(fd)) {
      return AddressInvalid(address, absl::StrCat("descriptor ", fd, " is no listening stream"));
    }
    if (!Claim(fd)) continue;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    sockets.emplace_back(UniqueFd(fd), LocalAddressOf(fd));
  }
  if (sockets.empty()) return AddressInvalid(address, "systemd passed no socket of this name");
  return sockets;
}

}  // namespace modelref

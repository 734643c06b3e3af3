#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/rpc/unique_fd.h"

namespace modelref {

// A socket that listens, non-blocking. A unix socket's file that this object made goes with it,
// unless somebody else's has taken its place.
class ListenSocket {
 public:
  ListenSocket(UniqueFd fd, std::string address)
      : fd_(std::move(fd)), address_(std::move(address)) {}
  ~ListenSocket();
  ListenSocket(ListenSocket&&) noexcept = default;
  ListenSocket& operator=(ListenSocket&&) = delete;

  int fd() const { return fd_.get(); }
  // With the real port: "127.0.0.1:43211", "[::1]:43211", "unix:/run/modelref.sock".
  const std::string& address() const { return address_; }
  // 0 for a unix socket.
  int port() const;

  // From now on the file at `path` is this object's.
  void OwnFile(const std::string& path);

 private:
  UniqueFd fd_;
  std::string address_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct ListenSocketOptions {
  mode_t unix_mode = 0600;
  // How long sent bytes may stay unacknowledged before the connection is dropped.
  absl::Duration unacknowledged_for = absl::Seconds(20);
};

// Listens on "host:port" (all addresses of the name, with one port), "unix:/path", whose file is
// replaced when nobody answers on it, "systemd" or "systemd:name": what systemd passed, each socket
// to one caller. Blocks on name resolution. Without SO_REUSEPORT: a second server on the same port
// would start silently and take half of the connections.
//
// Errors are those of listen_address.h; a path that is no socket, and nothing passed by systemd,
// are ADDRESS_INVALID.
absl::StatusOr<std::vector<ListenSocket>> OpenListenSockets(const std::string& address,
                                                            const ListenSocketOptions& options);

}  // namespace modelref

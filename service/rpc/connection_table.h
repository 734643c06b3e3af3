#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "service/rpc/queue_timers.h"

namespace modelref {

// The accepted connections that are still open. gRPC closes them without a word, so they are
// recognised by what their descriptors refer to. Single-threaded: the accepting thread's.
class ConnectionTable {
 public:
  struct Limits {
    size_t connections = 20'000;
    size_t per_origin = 5'000;
  };
  enum class Verdict { kAdmitted, kTooMany, kTooManyOfOrigin };

  explicit ConnectionTable(Limits limits) : limits_(limits) {}

  // Takes in the connection `fd`, or says why not. An empty origin is not counted by itself.
  Verdict Admit(int fd, const std::string& origin, SteadyTime now);
  // Forgets what was closed. Costs a system call for each connection.
  void Sweep(SteadyTime now);
  // As far as known at the last sweep.
  size_t open() const { return open_; }

 private:
  struct Connection {
    dev_t device = 0;
    ino_t inode = 0;  // 0: none.
    std::string origin;
  };

  void Forget(Connection* connection);
  bool IsFull(const std::string& origin, Verdict* verdict) const;

  const Limits limits_;
  std::vector<Connection> connections_;  // By descriptor.
  std::unordered_map<std::string, size_t> by_origin_;
  size_t open_ = 0;
  SteadyTime swept_;
};

}  // namespace modelref

#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "service/rpc/connection_table.h"
#include "service/rpc/listen_socket.h"
#include "service/rpc/unique_fd.h"

namespace modelref {

// Why a connection was closed right after it was accepted.
enum class RefusedConnection { kTooMany, kTooManyOfOrigin, kDescriptors };
inline constexpr size_t kRefusedConnections = 3;
// "connections", "connections_per_address", "descriptors", as in logs and metrics.
const char* RefusalName(RefusedConnection reason);

struct AcceptorStats {
  uint64_t accepted = 0;
  uint64_t refused[kRefusedConnections] = {};
  uint64_t errors = 0;  // accept() failed for another reason.
  uint64_t open = 0;    // As of the last look, at most 5 s old.
  uint64_t limit = 0;   // Of open ones.
};

// Accepts connections on one thread and hands them on. gRPC's own listeners never accept again
// after one failure for want of a descriptor (grpc.md 0.3); this one closes what it cannot keep, so
// that peers are told, waits a little, and goes on.
//
// Add and Start are called before anything is accepted, from one thread. The rest is thread-safe.
class Acceptor {
 public:
  struct Options {
    ConnectionTable::Limits limits;
    int per_second = 2'000;  // More wait in the kernel.
  };
  // Gets a non-blocking connection to own. Runs on the accepting thread.
  using HandOn = std::function<void(UniqueFd connection)>;

  explicit Acceptor(const Options& options);
  // Stops.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void Add(ListenSocket socket, HandOn hand_on);
  void Start();
  // Closes the listening sockets; connections live on. Idempotent.
  void Stop();

  AcceptorStats Stats() const;

 private:
  struct Listener {
    ListenSocket socket;
    HandOn hand_on;
  };

  void Run();
  void AcceptSome(const Listener& listener);
  void Take(const Listener& listener, UniqueFd connection, const sockaddr_storage& peer);
  // What to do after accept() failed. False: there is nothing more to accept now.
  bool AfterError(const Listener& listener, int error);
  void DropOne(const Listener& listener);
  void Refuse(RefusedConnection reason);
  void Earn(SteadyTime now);
  int WaitMillis(SteadyTime now) const;

  const Options options_;
  std::vector<Listener> listeners_;
  ConnectionTable table_;
  UniqueFd wake_;
  UniqueFd reserve_;  // Given up to accept, and close, a connection when there is no other.
  double tokens_ = 0;
  SteadyTime earned_;
  SteadyTime paused_until_;
  SteadyTime next_sweep_;
  SteadyTime next_log_[kRefusedConnections];
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> accepted_{0};
  std::atomic<uint64_t> refused_[kRefusedConnections] = {};
  std::atomic<uint64_t> errors_{0};
  std::atomic<uint64_t> open_{0};
  std::thread thread_;
};

}  // namespace modelref

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/base/clock.h"
#include "modelref/v1/config.pb.h"

namespace modelref {

// One modelrefd: everything between the configuration and the ports. Create, Start and Stop are
// called from one thread.
class Server {
 public:
  // Builds the parts without serving yet. `clock` must outlive the server.
  //   INVALID_ARGUMENT, UNIMPLEMENTED (NOT_BUILT)  what the configuration asks for cannot be.
  //   NOT_FOUND                                    there is no such data directory.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const v1::ServerConfig& config,
                                                        Clock& clock);
  // Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Loads every document, then listens and serves. Errors name the address or directory and say
  // what to do.
  absl::Status Start();
  // Ends what Start began: health says NOT_SERVING, streams are told to drain one after the other,
  // calls may finish, threads are joined. Bounded by the sum of the configured delay, spread and
  // grace time, and 2 s. Idempotent. False when not every file could be written that shows the
  // store; the next start does it.
  bool Stop();

  // The bound addresses of the data port, with real ports.
  std::vector<std::string> addresses() const;
  // Of the admin port; empty when it is off.
  std::string admin_address() const;
  // Of reflection and channelz; empty when they are off.
  std::string admin_grpc_address() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace modelref

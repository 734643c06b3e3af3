#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class Server;
}

namespace modelref {

// A server beside the real one, for people with tools: gRPC's reflection and channelz, which are
// blocking services with threads of their own (grpc.md 3). Reflection lists the services of the
// protocol; calling one here is UNIMPLEMENTED, because they are served on the data port.
//
// No authentication and no TLS: for loopback and monitoring networks.
class ReflectionServer {
 public:
  // `address` is "host:port". Errors as of listen_address.h.
  static absl::StatusOr<std::unique_ptr<ReflectionServer>> Start(const std::string& address);
  // Stops.
  ~ReflectionServer();
  ReflectionServer(const ReflectionServer&) = delete;
  ReflectionServer& operator=(const ReflectionServer&) = delete;

  // With the real port.
  const std::string& address() const { return address_; }

 private:
  struct Services;

  ReflectionServer();

  std::string address_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace modelref

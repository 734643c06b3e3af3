#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "service/rpc/probe_identity.h"

namespace modelref {

// Calls the health service of this server as a client would. Blocking; for one thread.
class SelfProbe {
 public:
  struct Options {
    std::string address;  // Of a listener.
    // Without looking at the certificate: the point is whether the server answers.
    bool tls = false;
    ProbeIdentity identity;  // To show where the server asks for a certificate.
    absl::Duration timeout = absl::Seconds(5);
    // How many connections the server has accepted so far.
    std::function<uint64_t()> accepted;
  };

  explicit SelfProbe(Options options);
  ~SelfProbe();
  SelfProbe(const SelfProbe&) = delete;
  SelfProbe& operator=(const SelfProbe&) = delete;

  // Over a connection of its own. Where that does not come about in time although others were
  // accepted meanwhile, a storm is in front of it: then an answer over the connection of the first
  // probe is as good. Takes at most twice the timeout.
  absl::Status Run();

 private:
  class Connection;

  const Options options_;
  std::unique_ptr<Connection> first_;
};

}  // namespace modelref

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "service/metrics.h"

namespace modelref {

// What /healthz says: whether the server serves, and what is not as it should be although it does.
struct HealthSummary {
  bool serving = false;
  std::vector<std::string> degraded;  // One reason each, for people.
};

// The admin port, HTTP/1.1 without authentication, for loopback and monitoring networks:
//
//   GET /metrics   the registry in Prometheus' text form
//   GET /healthz   200 while serving, 503 otherwise; {"status":"SERVING","degraded":["..."]}
//   GET /          what there is
//
// Anything else is 404. One request per connection; slow peers are cut off; more connections than
// threads wait their turn. Thread-safe.
class AdminHttp {
 public:
  struct Options {
    std::string address = "127.0.0.1:9090";  // "host:port"; port 0 takes a free one.
    size_t threads = 2;
    absl::Duration io_timeout = absl::Seconds(5);
  };

  // Listens and serves. `metrics` must outlive this; `health` runs on its threads.
  //   FAILED_PRECONDITION ADDRESS_IN_USE  another process has the port.
  //   PERMISSION_DENIED ADDRESS_DENIED    a privileged port.
  //   INVALID_ARGUMENT ADDRESS_INVALID    not an address of this machine.
  static absl::StatusOr<std::unique_ptr<AdminHttp>> Start(const Options& options,
                                                          const MetricsRegistry& metrics,
                                                          std::function<HealthSummary()> health);

  // Stops.
  ~AdminHttp();
  AdminHttp(const AdminHttp&) = delete;
  AdminHttp& operator=(const AdminHttp&) = delete;

  // With the real port: "127.0.0.1:43211".
  const std::string& address() const;

  // Finishes running requests, within two of the timeouts, and closes the port. Idempotent.
  void Stop();

 private:
  class Impl;
  explicit AdminHttp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace modelref

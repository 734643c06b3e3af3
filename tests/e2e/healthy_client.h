#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tests/e2e/modelrefd_child.h"

namespace modelref::testing {

// Calls the server all the time on a connection of its own.
class HealthyClient {
 public:
  explicit HealthyClient(const std::string& address);
  ~HealthyClient();
  HealthyClient(const HealthyClient&) = delete;
  HealthyClient& operator=(const HealthyClient&) = delete;

  void Stop();
  size_t calls() const { return calls_.load(); }
  // The rest is for after Stop().
  int failures() const { return failures_; }
  // Of the calls since number `first`, up to `last`.
  absl::Duration P99(size_t first, size_t last) const;

 private:
  void Call();

  std::unique_ptr<Client> client_;
  std::vector<absl::Duration> latencies_;
  std::atomic<size_t> calls_{0};
  int failures_ = 0;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// What is done to a server.
struct Harm {
  std::string what;
  std::function<void()> arrive;  // It has come when this returns, and stays.
  double most_bytes = 0;         // Of memory that the server may take for it.
  // True where `arrive` keeps the processors busy, which are the server's too: then the calls
  // meanwhile are reported, and held to a bound that only a server that stands still exceeds.
  bool arrival_is_work = false;
};

// Does it beside a healthy client. The test fails when a call of that fails, or when its p99 is
// more than 1.2 times what it was before and more than a floor: MODELREF_P99_FLOOR_MS, 25 ms. On
// two processors that the client, the harm and other tests share, a p99 below it is chance.
void ExpectUnharmed(const ServerChild& server, const Harm& harm);

}  // namespace modelref::testing

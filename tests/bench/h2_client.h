#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/h2_connection.h"

namespace modelref::bench {

using SteadyClock = std::chrono::steady_clock;
using SteadyTime = SteadyClock::time_point;

double SecondsSince(SteadyTime start);

struct Answer {
  H2End end;
  std::vector<std::string> messages;
};

struct LoopResult {
  uint64_t calls = 0;    // All of them.
  uint64_t in_time = 0;  // Ended before the time was over.
  double seconds = 0;
  std::vector<double> micros;  // Of each call, when asked for.
};

// Several connections to one server, served by one thread: the caller's, while it is in a method.
class H2Client final : private H2Connection::Sink {
 public:
  H2Client(const std::string& address, int connections, bool tls = false);
  ~H2Client() override;

  // Calls on the first connection and waits for the answer. Ends the process when there is none
  // within 60 s.
  Answer Call(const H2Request& request);

  // Asks on the first connection and waits for nothing; the answer is dropped when it comes.
  void Send(const H2Request& request);

  // Keeps `in_flight` calls of each connection under way for so long, all requests in turn. Ends
  // the process when one fails.
  LoopResult RunLoop(const std::vector<const H2Request*>& requests, int in_flight, double seconds,
                     bool latencies = false);

  // Opens `count` streams, spread over the connections, and waits until each has said something.
  // `request` must outlive the client.
  void OpenStreams(const H2Request& request, size_t count,
                   const std::function<void(absl::string_view)>& on_message = nullptr);
  size_t streams() const { return heard_.size(); }

  // Waits until each stream brought a message that `is_event` takes for one, and returns when, in
  // the order of arrival. `start` is called first: it makes the event happen, and must not use this
  // client.
  std::vector<SteadyTime> AwaitEvent(const std::function<void()>& start,
                                     const std::function<bool(absl::string_view)>& is_event);

  // Reads what has arrived.
  void Drain();
  // Reads what arrives for so long.
  void Idle(double seconds);

 private:
  void OnMessage(uint64_t tag, absl::string_view message) override;
  void OnEnd(H2Connection& connection, uint64_t tag, const H2End& end) override;
  // Reads from connections that have something, at most `millis` later; from how many.
  int Poll(int millis);

  std::vector<std::unique_ptr<H2Connection>> connections_;
  int epoll_ = -1;
  SteadyTime read_at_;  // When the bytes that are being handled arrived.
  std::function<void(uint64_t, absl::string_view)> on_message_;
  std::function<void(H2Connection&, uint64_t, const H2End&)> on_end_;
  std::vector<bool> heard_;  // By stream: since the last start.
  size_t unheard_ = 0;
};

}  // namespace modelref::bench

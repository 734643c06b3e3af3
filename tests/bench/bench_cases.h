#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "tests/bench/h2_client.h"
#include "tests/bench/report.h"
#include "tests/bench/server_pair.h"

namespace modelref::bench {

// How much is measured.
struct Plan {
  // Many short ones: what else the machine does disturbs some of them, and the median is quiet.
  int rounds = 41;        // Pairs of one measurement of each server.
  double seconds = 0.25;  // Of one measurement.
  int idle_calls = 60;
  std::vector<size_t> idle_streams = {1'000, 10'000, 30'000};
  std::vector<size_t> fan_outs = {100, 1'000, 10'000};
  std::vector<int> fan_out_connections = {50, 1'000};
  int fan_out_rounds = 15;
  size_t huge_models = 100'000;
  std::vector<size_t> written_models = {100, 10'000, 100'000};
  int write_rounds = 21;
  int list_calls = 1'000;
  int starts = 7;
  size_t history_bytes = size_t{1} << 30;

  static Plan Quick();
  // Shows that every case works, and measures nothing.
  static Plan Smoke();
};

struct Bench {
  Plan plan;
  Report report;
  std::string folder;   // For data and logs; removed in the end.
  std::string output;   // Where pictures and profiles go; empty for none.
  std::string profile;  // Of this case, instead of measuring; empty for none.

  bool profile_found = false;

  // Whether this is the case to profile.
  bool Profiles(const std::string& name) {
    profile_found |= profile == name;
    return profile == name;
  }
};

// Reads that are answered at once.
void RunUnaryCases(Bench* bench);
// A single call after the server had nothing to do.
void RunPauseCases(Bench* bench);
// Reads beside open streams, and what these cost.
void RunIdleCases(Bench* bench);
// One event to many streams, beside etcd too.
void RunFanOutCases(Bench* bench);
// A document of 100,000 models: listing, loading and streaming it.
void RunHugeCases(Bench* bench);
// From the start of the process to its first answer.
void RunStartCases(Bench* bench);
// The same with a long history.
void RunHistoryCases(Bench* bench);
// Durable writes, beside the disk and the engine of the store.
void RunWriteCases(Bench* bench);
// The same bytes from other servers: nginx and redis.
void RunPeerCases(Bench* bench);

// What the cases share.

// A gRPC request of a method of ReferenceService.
template <typename Message>
H2Request ReferenceRequest(const std::string& method, const Message& message) {
  H2Request request;
  request.path = "/modelref.v1.ReferenceService/" + method;
  request.body = message.SerializeAsString();
  return request;
}

// A server, and what it is asked in turn.
struct Side {
  const RunningServer* server = nullptr;
  std::vector<const H2Request*> requests;
};

// Of one server, an element per round.
struct RateSeries {
  std::vector<double> rate;    // Calls per second.
  std::vector<double> micros;  // Of the server's processors per call.
};

// Drives the servers one after the other, round after round, each round in the reverse order of the
// one before: none is always the first after something else. Answers by side. `between` is called
// after each measurement.
std::vector<RateSeries> MeasureRates(const Plan& plan, const std::vector<Side>& sides,
                                     int connections, int in_flight,
                                     const std::function<void()>& between = nullptr);

// Two rows: calls per second with the goal, and processor time per call.
void AddRates(const std::string& name, const RateSeries& ours, const RateSeries& bare,
              const Goal& goal, Report* report);

// Starts a server, asks it once, and returns how long that took in seconds.
double TimeStart(const std::function<RunningServer()>& start_server, const H2Request& request,
                 bool graceful_end);

// Requests of the small and medium documents, and what is told of changes.
struct MixedRequests {
  std::vector<H2Request> reads;
  H2Request watch;

  MixedRequests();
  std::vector<const H2Request*> All() const;
};

// The setting with which modelrefd compresses every answer of a document that is worth it.
inline constexpr char kCompressAll[] = "runtime.gzip_min_bytes=1000";

// Whether it is a WatchResponse with events.
bool IsEvent(absl::string_view message);

}  // namespace modelref::bench

#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "modelref/v1/reference.pb.h"
#include "modelref/v1/watch.pb.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/bench_data.h"

namespace modelref::bench {

std::vector<RateSeries> MeasureRates(const Plan& plan, const std::vector<Side>& sides,
                                     int connections, int in_flight,
                                     const std::function<void()>& between) {
  std::vector<std::unique_ptr<H2Client>> clients;
  for (const Side& side : sides) {
    clients.push_back(std::make_unique<H2Client>(side.server->address, connections));
  }
  std::vector<RateSeries> series(sides.size());
  const auto measure = [&](size_t i) {
    const double before = sides[i].server->child().CpuSeconds();
    const LoopResult result = clients[i]->RunLoop(sides[i].requests, in_flight, plan.seconds);
    const double used = sides[i].server->child().CpuSeconds() - before;
    series[i].rate.push_back(static_cast<double>(result.in_time) / result.seconds);
    series[i].micros.push_back(used * 1e6 / static_cast<double>(result.calls));
    if (between) between();
  };
  for (size_t i = 0; i < sides.size(); ++i) {
    measure(i);  // Connections and caches get warm.
    series[i] = {};
  }
  for (int round = 0; round < plan.rounds; ++round) {
    for (size_t i = 0; i < sides.size(); ++i) {
      measure(round % 2 == 0 ? i : sides.size() - 1 - i);
    }
  }
  return series;
}

void AddRates(const std::string& name, const RateSeries& ours, const RateSeries& bare,
              const Goal& goal, Report* report) {
  report->AddRounds(name, "calls/s", {ours.rate, bare.rate}, goal);
  report->AddRounds(absl::StrCat(name, ", processor"), "us/call", {ours.micros, bare.micros}, {});
}

double TimeStart(const std::function<RunningServer()>& start_server, const H2Request& request,
                 bool graceful_end) {
  const SteadyTime start = SteadyClock::now();
  const RunningServer server = start_server();
  double seconds = 0;
  {
    // Gone before the server ends, which would wait for it.
    H2Client client(server.address, 1);
    if (!client.Call(request).end.ok) Die("a server that just started refuses " + request.path);
    seconds = SecondsSince(start);
  }
  if (graceful_end) server.child().Interrupt();
  return seconds;
}

MixedRequests::MixedRequests() {
  for (const absl::string_view category : {kSmall, kMedium}) {
    v1::GetCategoryRequest request;
    request.set_category(std::string(category));
    reads.push_back(ReferenceRequest("GetCategory", request));
  }
  for (const size_t model : {1, 500, 900}) {
    v1::GetModelRequest request;
    request.set_category(std::string(kLarge));
    request.set_name(ModelName(model));
    reads.push_back(ReferenceRequest("GetModel", request));
  }
  v1::WatchRequest request;
  request.mutable_filter()->add_categories(std::string(kEdited));
  request.mutable_now();
  // The longest: bookmarks are no part of what is measured.
  request.mutable_progress_interval()->set_seconds(45);
  watch.path = "/modelref.v1.WatchService/Watch";
  watch.body = request.SerializeAsString();
}

std::vector<const H2Request*> MixedRequests::All() const {
  std::vector<const H2Request*> all;
  for (const H2Request& read : reads) all.push_back(&read);
  return all;
}

bool IsEvent(absl::string_view message) {
  v1::WatchResponse response;
  return response.ParseFromArray(message.data(), static_cast<int>(message.size())) &&
         response.has_events();
}

}  // namespace modelref::bench

// What open streams cost those who read, and how soon a server that had nothing to do answers.

#include <algorithm>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/bench_data.h"
#include "tests/bench/chart.h"

namespace modelref::bench {
namespace {

constexpr int kConnections = 4;
constexpr int kInFlight = 16;
constexpr double kPauseSeconds = 2;
// As the default limit of modelrefd has it.
constexpr size_t kStreamsOfOneConnection = 100;
// The number of streams that the goals are about.
constexpr size_t kManyStreams = 10'000;

std::unique_ptr<ServerPair> StartPair(const MixedRequests& requests, const std::string& folder,
                                      const std::string& data, const ServerOptions& options = {}) {
  MakeDataDirectory(data);
  auto pair = std::make_unique<ServerPair>(folder, data, options);
  for (const H2Request& read : requests.reads) pair->Record(AnswerKind::kUnary, read);
  pair->RecordWatch(
      requests.watch, [&] { EditDocument(data, 1); }, IsEvent);
  pair->StartBare();
  return pair;
}

// The element by element quotients.
std::vector<double> Quotients(const std::vector<double>& of, const std::vector<double>& by) {
  std::vector<double> quotients;
  for (size_t i = 0; i < of.size(); ++i) quotients.push_back(of[i] / by[i]);
  return quotients;
}

// The streams of one server.
class IdleStreams {
 public:
  IdleStreams(const RunningServer* server, const H2Request* watch)
      : server_(server), watch_(watch), before_(server->child().ResidentBytes()) {}

  void OpenUpTo(size_t count) {
    const size_t more = count - open_;
    const auto connections = static_cast<int>((more - 1) / kStreamsOfOneConnection + 1);
    clients_.push_back(std::make_unique<H2Client>(server_->address, connections, server_->tls));
    clients_.back()->OpenStreams(*watch_, more);
    open_ = count;
  }
  // Answers the pings of the server, without which it would close the connections.
  void Read() {
    for (const auto& client : clients_) client->Drain();
  }
  double KibibytesPerStream() const {
    return (server_->child().ResidentBytes() - before_) / 1024 / static_cast<double>(open_);
  }

 private:
  const RunningServer* const server_;
  const H2Request* const watch_;
  const double before_;
  size_t open_ = 0;
  std::vector<std::unique_ptr<H2Client>> clients_;
};

// Beside each number of streams, both servers and the same two without any.
void MeasureBeside(size_t streams, const ServerPair& still, const ServerPair& busy,
                   const MixedRequests& requests, const std::function<void()>& read_streams,
                   Bench* bench, LineChart* chart) {
  const std::vector<RateSeries> series = MeasureRates(bench->plan,
                                                      {{&still.ours(), requests.All()},
                                                       {&busy.ours(), requests.All()},
                                                       {&busy.bare(), requests.All()},
                                                       {&still.bare(), requests.All()}},
                                                      kConnections, kInFlight, read_streams);
  const std::string beside = absl::StrCat("reads beside ", streams, " idle streams");
  AddRates(beside, series[1], series[2], {}, &bench->report);
  const Goal goal = streams == kManyStreams ? Goal{Goal::kAtLeast, 0.85} : Goal{};
  bench->report.AddRounds(
      absl::StrCat(beside, ", of none"), "of none",
      {Quotients(series[1].rate, series[0].rate), Quotients(series[2].rate, series[3].rate)}, goal);
  const auto x = static_cast<double>(streams);
  if (chart->lines[0].points.empty()) {
    chart->lines[0].points.emplace_back(0, Median(series[0].rate));
    chart->lines[1].points.emplace_back(0, Median(series[3].rate));
  }
  chart->lines[0].points.emplace_back(x, Median(series[1].rate));
  chart->lines[1].points.emplace_back(x, Median(series[2].rate));
}

void AddMemory(size_t streams, const char* transport, const IdleStreams& ours,
               const IdleStreams& bare, Bench* bench) {
  bench->report.AddRounds(absl::StrCat("memory of ", streams, " idle streams", transport),
                          "KiB/stream", {{ours.KibibytesPerStream()}, {bare.KibibytesPerStream()}},
                          streams == kManyStreams ? Goal{Goal::kAtMost, 24} : Goal{});
}

void MeasureTls(size_t streams, const MixedRequests& requests, Bench* bench) {
  ServerOptions options;
  options.tls = true;
  const auto pair = StartPair(requests, bench->folder, bench->folder + "/tls", options);
  IdleStreams ours(&pair->ours(), &requests.watch);
  IdleStreams bare(&pair->bare(), &requests.watch);
  ours.OpenUpTo(streams);
  bare.OpenUpTo(streams);
  AddMemory(streams, ", TLS", ours, bare, bench);
}

}  // namespace

void RunIdleCases(Bench* bench) {
  const MixedRequests requests;
  const auto still = StartPair(requests, bench->folder, bench->folder + "/still");
  const auto busy = StartPair(requests, bench->folder, bench->folder + "/busy");
  IdleStreams ours(&busy->ours(), &requests.watch);
  IdleStreams bare(&busy->bare(), &requests.watch);
  LineChart chart{"Reads beside idle streams", "idle streams", "calls/s", {}};
  chart.lines = {{"modelrefd", {}}, {"bare server", {}}};
  for (const size_t streams : bench->plan.idle_streams) {
    ours.OpenUpTo(streams);
    bare.OpenUpTo(streams);
    AddMemory(streams, "", ours, bare, bench);
    const auto read_streams = [&] {
      ours.Read();
      bare.Read();
    };
    MeasureBeside(streams, *still, *busy, requests, read_streams, bench, &chart);
  }
  MeasureTls(std::min(kManyStreams, bench->plan.idle_streams.back()), requests, bench);
  WriteLineChart(bench->output, "idle_streams", chart);
}

void RunPauseCases(Bench* bench) {
  const MixedRequests requests;
  const auto pair = StartPair(requests, bench->folder, bench->folder + "/pause");
  H2Client ours(pair->ours().address, 1);
  H2Client bare(pair->bare().address, 1);
  Rounds millis;
  for (int i = 0; i <= bench->plan.idle_calls; ++i) {
    ours.Idle(kPauseSeconds);
    for (const bool is_ours : {i % 2 == 0, i % 2 != 0}) {
      const SteadyTime start = SteadyClock::now();
      (is_ours ? ours : bare).Call(requests.reads[1]);
      // The first call of a connection is not what is asked for.
      if (i > 0) (is_ours ? millis.ours : millis.bare).push_back(SecondsSince(start) * 1e3);
    }
  }
  const auto add = [&](const std::string& name, double fraction, const Goal& goal) {
    bench->report.AddRounds(
        name, "ms", {{Percentile(millis.ours, fraction)}, {Percentile(millis.bare, fraction)}},
        goal);
  };
  add("first call after 2 s without any, p50", 0.5, {});
  add("first call after 2 s without any, p95", 0.95, {Goal::kAtMost, 3});
}

}  // namespace modelref::bench

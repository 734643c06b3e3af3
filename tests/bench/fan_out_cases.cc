// One event to many streams.

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/bench_data.h"
#include "tests/bench/chart.h"
#include "tests/bench/etcd_peer.h"
#include "tests/bench/profile.h"

namespace modelref::bench {
namespace {

constexpr Goal kAsSoon{Goal::kRatioAtMost, 1};
constexpr int kProfileEvents = 40;

// When the streams heard of one event, in ms since the first did: how long it took the server to
// learn of the event itself is no part of it.
using Arrivals = std::vector<double>;

Arrivals SinceFirst(const std::vector<SteadyTime>& times) {
  Arrivals millis;
  const SteadyTime first = *std::min_element(times.begin(), times.end());
  for (const SteadyTime time : times) {
    millis.push_back(std::chrono::duration<double, std::milli>(time - first).count());
  }
  std::sort(millis.begin(), millis.end());
  return millis;
}

// A server with open streams, and a way to make an event.
struct Audience {
  std::string name;
  std::unique_ptr<H2Client> streams;
  std::function<void()> trigger;
  std::function<bool(absl::string_view)> is_event;
  std::vector<Arrivals> rounds;

  void Measure() { rounds.push_back(SinceFirst(streams->AwaitEvent(trigger, is_event))); }
  std::vector<double> Percentiles(double fraction) const {
    std::vector<double> values;
    for (const Arrivals& arrivals : rounds) values.push_back(Percentile(arrivals, fraction));
    return values;
  }
  // Of the round with the median time of the last.
  Line CurveOfMedianRound() const {
    Line line{name, {}};
    const double median = Median(Percentiles(1));
    const auto nearest = std::min_element(
        rounds.begin(), rounds.end(), [median](const Arrivals& a, const Arrivals& b) {
          return std::abs(a.back() - median) < std::abs(b.back() - median);
        });
    const size_t step = std::max<size_t>(1, nearest->size() / 200);
    for (size_t i = 0; i < nearest->size(); i += step) {
      line.points.emplace_back(
          (*nearest)[i], 100.0 * static_cast<double>(i) / static_cast<double>(nearest->size()));
    }
    line.points.emplace_back(nearest->back(), 100);
    return line;
  }
};

// What the streams of one number and spread need.
class FanOut {
 public:
  FanOut(Bench* bench, size_t streams, int connections)
      : bench_(bench),
        streams_(streams),
        connections_(std::min(connections, static_cast<int>(streams))),
        data_(absl::StrCat(bench->folder, "/fan_out_", streams, "_", connections)) {
    MakeDataDirectory(data_);
    pair_ = std::make_unique<ServerPair>(bench->folder, data_);
    pair_->RecordWatch(
        requests_.watch, [this] { EditDocument(data_, ++version_); }, IsEvent);
  }

  void Run() {
    AddOurs();
    if (bench_->Profiles("fan-out")) return Profile();
    AddBare();
    std::string etcd_missing;
    etcd_ = EtcdPeer::Start(bench_->folder, &etcd_missing);
    if (etcd_ != nullptr) AddEtcd();
    for (int round = 0; round < bench_->plan.fan_out_rounds; ++round) {
      for (size_t i = 0; i < audiences_.size(); ++i) {
        audiences_[round % 2 == 0 ? i : audiences_.size() - 1 - i].Measure();
      }
    }
    AddRows();
    if (etcd_ == nullptr) bench_->report.AddNotRun(Name() + ", last, beside etcd", etcd_missing);
  }

 private:
  std::string Name() const {
    return absl::StrCat("event to ", streams_, " streams, ", connections_, " conns");
  }

  void AddOurs() {
    Audience& ours = audiences_.emplace_back();
    ours.name = "modelrefd";
    ours.streams = std::make_unique<H2Client>(pair_->ours().address, connections_);
    ours.streams->OpenStreams(requests_.watch, streams_);
    ours.trigger = [this] { EditDocument(data_, ++version_); };
    ours.is_event = IsEvent;
  }

  void AddBare() {
    pair_->StartBare();
    fan_out_.path = fan_out_.body = std::string(kFanOutMethod);
    trigger_ = std::make_unique<H2Client>(pair_->bare().address, 1);
    trigger_->Call(fan_out_);
    Audience& bare = audiences_.emplace_back();
    bare.name = "bare server";
    bare.streams = std::make_unique<H2Client>(pair_->bare().address, connections_);
    bare.streams->OpenStreams(requests_.watch, streams_);
    bare.trigger = [this] { trigger_->Send(fan_out_); };
    bare.is_event = IsEvent;
  }

  void AddEtcd() {
    Audience& etcd = audiences_.emplace_back();
    etcd.name = "etcd " + etcd_->version();
    etcd.streams = std::make_unique<H2Client>(etcd_->server().address, connections_);
    etcd.streams->OpenStreams(etcd_->watch(), streams_);
    etcd.trigger = [this] { etcd_->SendPut(); };
    etcd.is_event = EtcdPeer::IsEvent;
  }

  void AddRows() {
    const std::pair<const char*, double> parts[] = {{", p50", 0.5}, {", p99", 0.99}, {", last", 1}};
    for (const auto& [part, fraction] : parts) {
      bench_->report.AddRounds(
          Name() + part, "ms",
          {audiences_[0].Percentiles(fraction), audiences_[1].Percentiles(fraction)},
          fraction == 1 ? kAsSoon : Goal{});
    }
    LineChart chart{Name(), "ms since the first heard", "% of streams", {}};
    for (const Audience& audience : audiences_)
      chart.lines.push_back(audience.CurveOfMedianRound());
    WriteLineChart(bench_->output, absl::StrCat("fan_out_", streams_, "_", connections_), chart);
    if (etcd_ == nullptr) return;
    bench_->report.AddRounds(Name() + ", last, beside etcd", "ms",
                             {audiences_[0].Percentiles(1), audiences_[2].Percentiles(1)}, kAsSoon);
  }

  void Profile() {
    ProfileServer(pair_->ours().child(), bench_->output, "fan-out", [this] {
      for (int i = 0; i < kProfileEvents; ++i) audiences_[0].Measure();
    });
  }

  Bench* const bench_;
  const size_t streams_;
  const int connections_;
  const std::string data_;
  const MixedRequests requests_;
  H2Request fan_out_;
  size_t version_ = 0;
  std::unique_ptr<ServerPair> pair_;
  std::unique_ptr<EtcdPeer> etcd_;
  std::unique_ptr<H2Client> trigger_;
  std::vector<Audience> audiences_;
};

}  // namespace

void RunFanOutCases(Bench* bench) {
  if (!bench->profile.empty()) {
    if (bench->Profiles("fan-out")) FanOut(bench, 10'000, 50).Run();
    return;
  }
  for (const int connections : bench->plan.fan_out_connections) {
    for (const size_t streams : bench->plan.fan_outs) FanOut(bench, streams, connections).Run();
  }
}

}  // namespace modelref::bench

// Durable writes, through the server and in the process, beside what the disk and the engine alone
// do.

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/str_cat.h"
#include "modelref/v1/write.pb.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/bench_data.h"
#include "tests/bench/profile.h"
#include "tests/bench/sqlite_baseline.h"
#include "tests/bench/store_loop.h"

namespace modelref::bench {
namespace {

constexpr size_t kRecordBytes = 1024;
constexpr size_t kMostRequests = 8192;
// Larger files are rewritten for longer than a round takes, which is not what is measured.
constexpr absl::string_view kCategory = "clip";
constexpr double kMicrosPerMilli = 1e3;
constexpr double kProfileSeconds = 8;
constexpr size_t kProfileModels = 10'000;

std::string RecordOf(size_t model, size_t version) {
  std::string json =
      absl::StrCat(R"({"name":")", ModelName(model), R"(","version":")", version, R"(","x":")");
  json.append(kRecordBytes - std::min(kRecordBytes, json.size() + 2), 'x');
  return json + "\"}";
}

// Makes a directory with a document of so many models.
void MakeWriteDirectory(const std::string& dir, size_t models) {
  std::filesystem::create_directories(dir);
  std::ofstream out(absl::StrCat(dir, "/", kCategory, ".json"));
  for (size_t model = 0; model < models; ++model) {
    out << (model == 0 ? "{" : ",") << '"' << ModelName(model) << "\":" << RecordOf(model, 0);
  }
  out << "}";
  if (!out.flush()) Die("cannot write to " + dir);
}

// Updates of models all over the document; each changes what the one before it left there, also
// when they are all made again.
class Updates {
 public:
  explicit Updates(size_t models) {
    const size_t distinct = std::min(models, kMostRequests / 2);
    for (size_t i = 0; i < 2 * distinct; ++i) {
      const size_t model = (i % distinct) * 7919 % models;
      v1::PutModelRequest put;
      put.set_category(std::string(kCategory));
      put.set_name(ModelName(model));
      put.set_json(RecordOf(model, 1 + i / distinct));
      H2Request request;
      request.path = "/modelref.v1.WriteService/PutModel";
      request.body = put.SerializeAsString();
      requests_.push_back(std::move(request));
    }
  }
  // All of them, beginning with the one after `done`.
  std::vector<const H2Request*> From(uint64_t done) const {
    std::vector<const H2Request*> all;
    for (size_t i = 0; i < requests_.size(); ++i) {
      all.push_back(&requests_[(done + i) % requests_.size()]);
    }
    return all;
  }

 private:
  std::vector<H2Request> requests_;
};

// Whoever makes the writes: a server, or a store of this process.
struct Writers {
  std::string what;  // "PutModel", …
  std::function<LoopResult(int in_flight, bool latencies)> run;
  std::function<double()> cpu_seconds;
};

// Of documents of one size.
class WriteBench {
 public:
  WriteBench(Bench* bench, size_t models)
      : bench_(*bench),
        models_(models),
        folder_(absl::StrCat(bench->folder, "/writes-", models)),
        updates_(models),
        engine_(folder_ + "/engine", models, kRecordBytes) {
    MakeWriteDirectory(folder_ + "/data", models);
    server_ = StartModelrefd(folder_ + "/data", folder_ + "/log");
    client_ = std::make_unique<H2Client>(server_.address, 1);
  }

  // Those of the server's clients.
  Writers OfServer() {
    return {"PutModel",
            [this](int in_flight, bool latencies) { return Write(in_flight, latencies); },
            [this] { return server_.child().CpuSeconds(); }};
  }
  // Those of a store without a server. Made when asked for the first time.
  Writers OfStore() {
    store_ = std::make_unique<StoreLoop>(folder_ + "/store", models_, kRecordBytes);
    return {"commit in the process",
            [this](int in_flight, bool) { return store_->Run(in_flight, bench_.plan.seconds); },
            [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }};
  }

  // How long one writer waits, beside an append and fdatasync of the same bytes. Returns the median
  // in milliseconds.
  double MeasureLatency(const Writers& writers) {
    Rounds p50, p99;
    for (int round = 0; round < bench_.plan.write_rounds; ++round) {
      const LoopResult ours = writers.run(1, true);
      const std::vector<double> disk = AppendAndSync(folder_, kRecordBytes, 1, bench_.plan.seconds);
      if (ours.micros.empty() || disk.empty()) continue;
      p50.ours.push_back(Percentile(ours.micros, 0.5) / kMicrosPerMilli);
      p50.bare.push_back(Percentile(disk, 0.5) / kMicrosPerMilli);
      p99.ours.push_back(Percentile(ours.micros, 0.99) / kMicrosPerMilli);
      p99.bare.push_back(Percentile(disk, 0.99) / kMicrosPerMilli);
    }
    bench_.report.AddRounds(Name(writers, "1 writer, p50, beside append + fdatasync"), "ms", p50,
                            {Goal::kRatioAtMost, 2.5});
    bench_.report.AddRounds(Name(writers, "1 writer, p99"), "ms", p99, {});
    return Median(p50.ours);
  }

  // How many a second several writers get done, beside the engine with the same groups and beside
  // append + fdatasync of as many bytes.
  void MeasureRate(const Writers& writers, int count, const Goal& goal) {
    Rounds rates, micros, disk;
    for (int round = 0; round < bench_.plan.write_rounds; ++round) {
      for (const bool is_ours : {round % 2 == 0, round % 2 != 0}) {
        if (is_ours) {
          const double before = writers.cpu_seconds();
          const LoopResult ours = writers.run(count, false);
          const double used = writers.cpu_seconds() - before;
          rates.ours.push_back(static_cast<double>(ours.in_time) / ours.seconds);
          micros.ours.push_back(1e6 * used / static_cast<double>(ours.calls));
        } else {
          const SqliteBaseline::Rate bare =
              engine_.UpdatesPerSecond(static_cast<size_t>(count), bench_.plan.seconds);
          rates.bare.push_back(bare.per_second);
          micros.bare.push_back(bare.micros);
        }
      }
      const std::vector<double> groups =
          AppendAndSync(folder_, kRecordBytes, static_cast<size_t>(count), bench_.plan.seconds / 4);
      if (!groups.empty()) disk.bare.push_back(1e6 * count / Median(groups));
    }
    disk.ours = rates.ours;
    const std::string who = absl::StrCat(count, " writers, ");
    bench_.report.AddRounds(Name(writers, who + "beside SQLite"), "writes/s", rates, goal);
    bench_.report.AddRounds(Name(writers, who + "beside append + fdatasync"), "writes/s", disk, {});
    bench_.report.AddRounds(Name(writers, who + "processor"), "us/write", micros, {});
  }

  void Profile(const std::string& name, int writers) {
    // 64 requests at once do not fit into the window of a new connection.
    for (const int few : {1, 16}) Write(few, false);
    ProfileServer(server_.child(), bench_.output, name, [this, writers] {
      uint64_t writes = 0;
      double seconds = 0;
      while (seconds < kProfileSeconds) {
        const LoopResult result = Write(writers, false);
        writes += result.calls;
        seconds += result.seconds;
      }
      std::printf("%.0f writes/s\n", static_cast<double>(writes) / seconds);
    });
  }

 private:
  LoopResult Write(int in_flight, bool latencies) {
    const LoopResult result =
        client_->RunLoop(updates_.From(done_), in_flight, bench_.plan.seconds, latencies);
    done_ += result.calls;
    return result;
  }
  std::string Name(const Writers& writers, const std::string& what) const {
    return absl::StrCat(writers.what, ", ", what, ", ", models_, " models");
  }

  Bench& bench_;
  const size_t models_;
  const std::string folder_;
  const Updates updates_;
  SqliteBaseline engine_;
  RunningServer server_;
  std::unique_ptr<H2Client> client_;
  std::unique_ptr<StoreLoop> store_;
  uint64_t done_ = 0;
};

void ReportGrowth(const std::string& what, const std::vector<double>& medians, Bench* bench) {
  if (medians.size() < 2) return;
  bench->report.AddOurs(
      absl::StrCat(what, ", 1 writer, p50 at ", bench->plan.written_models.back(), " over that at ",
                   bench->plan.written_models.front(), " models"),
      "times", medians.back() / medians.front(), {Goal::kAtMost, 1.5});
}

}  // namespace

void RunWriteCases(Bench* bench) {
  if (!bench->profile.empty()) {
    for (const int writers : {1, 64}) {
      const std::string name = absl::StrCat("PutModel, ", writers, " writers");
      if (bench->Profiles(name)) WriteBench(bench, kProfileModels).Profile(name, writers);
    }
    return;
  }
  std::vector<double> of_server, of_store;
  for (const size_t models : bench->plan.written_models) {
    WriteBench writes(bench, models);
    const Writers server = writes.OfServer();
    of_server.push_back(writes.MeasureLatency(server));
    for (const int count : {1, 16}) writes.MeasureRate(server, count, {});
    writes.MeasureRate(server, 64, {Goal::kRatioAtLeast, 0.5, 10'000});
    const Writers store = writes.OfStore();
    of_store.push_back(writes.MeasureLatency(store));
    for (const int count : {16, 64}) writes.MeasureRate(store, count, {});
  }
  ReportGrowth("PutModel", of_server, bench);
  ReportGrowth("commit in the process", of_store, bench);
}

}  // namespace modelref::bench

// The start on a store whose past is much larger than what it serves.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "modelref/v1/reference.pb.h"
#include "modelref/v1/write.pb.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/bench_data.h"

namespace modelref::bench {
namespace {

constexpr size_t kModels = 200;
// A request fits into one frame.
constexpr size_t kRecordBytes = 12 << 10;
// As many as a connection takes before its window is widened.
constexpr int kWriters = 3;
constexpr double kMegabyte = 1 << 20;

H2Request PutRequest(size_t model, size_t version) {
  v1::PutModelRequest put;
  put.set_category("clip");
  put.set_name(ModelName(model));
  std::string json =
      absl::StrCat(R"({"name":")", ModelName(model), R"(","version":")", version, R"(","x":")");
  json.append(kRecordBytes - json.size() - 2, 'x');
  put.set_json(json + "\"}");
  H2Request request;
  request.path = "/modelref.v1.WriteService/PutModel";
  request.body = put.SerializeAsString();
  return request;
}

uint64_t StoreBytes(const std::string& data) {
  return std::filesystem::file_size(data + "/.modelref/store.db");
}

// Changes the same models again and again until the store has so many bytes. Returns the size.
uint64_t WriteHistory(const std::string& data, const std::string& log, size_t bytes) {
  const RunningServer server = StartModelrefd(data, log);
  {
    H2Client client(server.address, 1);
    std::vector<H2Request> requests;
    for (size_t i = 0; i < 2 * kModels; ++i) {
      requests.push_back(PutRequest(i % kModels, i / kModels));
    }
    std::vector<const H2Request*> all;
    for (const H2Request& request : requests) all.push_back(&request);
    do {
      client.RunLoop(all, kWriters, 0.5);
    } while (StoreBytes(data) < bytes);
  }
  server.child().Interrupt();
  return StoreBytes(data);
}

}  // namespace

void RunHistoryCases(Bench* bench) {
  const std::string data = bench->folder + "/history";
  const std::string log = bench->folder + "/history.log";
  std::filesystem::create_directories(data);
  const uint64_t bytes = WriteHistory(data, log, bench->plan.history_bytes);
  v1::GetModelRequest get;
  get.set_category("clip");
  get.set_name(ModelName(1));
  const H2Request request = ReferenceRequest("GetModel", get);
  for (const bool graceful : {true, false}) {
    std::vector<double> millis;
    // The first one ends as the ones that are measured.
    for (int i = 0; i <= bench->plan.starts; ++i) {
      const double seconds =
          TimeStart([&] { return StartModelrefd(data, log); }, request, graceful);
      if (i > 0) millis.push_back(1e3 * seconds);
    }
    bench->report.AddOurs(
        absl::StrCat("start with ", static_cast<uint64_t>(static_cast<double>(bytes) / kMegabyte),
                     " MB of history", graceful ? "" : " after kill -9"),
        "ms", Median(millis), {});
  }
}

}  // namespace modelref::bench

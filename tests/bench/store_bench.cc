// What a durable transaction costs beside one append and fdatasync of the same bytes in the same
// folder and run, and how long a large store takes to open.
//
// store_bench [DIR [SECONDS]]: DIR decides the disk; default a temporary folder.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "service/store/store.h"

namespace modelref {
namespace {

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

const DocumentKey kKey{"image_generation", Format::kV2};
constexpr size_t kRecordBytes = 1024;

RecordPtr MakeSized(const std::string& name, uint64_t value) {
  std::string json = absl::StrCat("{\"name\":\"", name, "\",\"value\":", value, ",\"text\":\"");
  json.append(kRecordBytes - json.size() - 2, 'x');
  return MakeRecord(name, json + "\"}");
}

double Percentile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(fraction * static_cast<double>(values.size() - 1))];
}

DocumentEdit EditOne(size_t model, uint64_t value) {
  const std::string name = absl::StrCat("model-", model);
  DocumentEdit edit;
  edit.key = kKey;
  edit.changes = {{name, MakeSized(name, value)}};
  return edit;
}

std::unique_ptr<Store> OpenStore(const std::string& dir) {
  Store::Options options;
  options.directory = dir;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open({kKey}, RealClock(), options);
  if (!store.ok()) {
    std::fprintf(stderr, "store_bench: %s\n", std::string(store.status().message()).c_str());
    std::exit(1);
  }
  return *std::move(store);
}

void Fill(Store& store, size_t models) {
  std::vector<RecordPtr> records;
  for (size_t i = 0; i < models; ++i) records.push_back(MakeSized(absl::StrCat("model-", i), 0));
  DocumentEdit edit;
  edit.key = kKey;
  edit.replacement = Document::FromRecords(std::move(records));
  if (!store.Commit("bench", {edit}).ok()) std::exit(1);
}

// Alternates one commit with one append and fdatasync of a record.
void BenchOneWriter(const std::string& dir, size_t models, double seconds) {
  const auto store = OpenStore(absl::StrCat(dir, "/store-", models));
  Fill(*store, models);
  const int fd = open((dir + "/log").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_TRUNC, 0644);
  const std::string bytes(kRecordBytes, 'x');
  std::vector<double> commits;
  std::vector<double> appends;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (uint64_t i = 0; Clock::now() < end; ++i) {
    auto start = Clock::now();
    if (write(fd, bytes.data(), bytes.size()) < 0 || fdatasync(fd) != 0) std::exit(1);
    appends.push_back(Micros(Clock::now() - start).count());
    start = Clock::now();
    if (!store->Commit("bench", {EditOne(i * 7919 % models, i)}).ok()) std::exit(1);
    commits.push_back(Micros(Clock::now() - start).count());
  }
  close(fd);
  std::printf(
      "commit at %6zu models: p50 %6.0f us, p99 %6.0f us; append + fdatasync p50 %6.0f us; "
      "ratio %.2f\n",
      models, Percentile(commits, 0.5), Percentile(commits, 0.99), Percentile(appends, 0.5),
      Percentile(commits, 0.5) / Percentile(appends, 0.5));
}

void BenchWriters(const std::string& dir, int writers, double seconds) {
  const auto store = OpenStore(absl::StrCat(dir, "/store-", 10000));
  std::atomic<uint64_t> commits{0};
  std::vector<std::thread> threads;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      for (uint64_t i = 0; Clock::now() < end; ++i) {
        const size_t model = (static_cast<size_t>(writer) * 131 + i * 7919) % 10000;
        if (store->Commit("bench", {EditOne(model, commits + i)}).ok()) ++commits;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("%2d writers: %.0f durable commits/s\n", writers,
              static_cast<double>(commits) / seconds);
}

void BenchOpen(const std::string& dir) {
  const auto start = Clock::now();
  const auto store = OpenStore(absl::StrCat(dir, "/store-", 100000));
  const std::chrono::duration<double> seconds = Clock::now() - start;
  const double megabytes =
      static_cast<double>(store->root()->Find(kKey)->document->size_bytes()) / 1e6;
  std::printf("open a store of %.0f MB: %.2f s, %.0f MB/s; goal 2 s\n", megabytes, seconds.count(),
              megabytes / seconds.count());
}

void Main(const std::string& dir, double seconds) {
  for (const size_t models : {size_t{100}, size_t{10000}, size_t{100000}}) {
    BenchOneWriter(dir, models, seconds);
  }
  for (const int writers : {1, 16, 64}) BenchWriters(dir, writers, seconds);
  BenchOpen(dir);
}

}  // namespace
}  // namespace modelref

int main(int argc, char** argv) {
  std::string dir = argc > 1 ? argv[1] : "";
  if (dir.empty()) {
    dir = (std::filesystem::temp_directory_path() / "store_bench.XXXXXX").string();
    if (mkdtemp(dir.data()) == nullptr) return 1;
  }
  modelref::Main(dir, argc > 2 ? std::atof(argv[2]) : 3);
  if (argc < 2) std::filesystem::remove_all(dir);
  return 0;
}

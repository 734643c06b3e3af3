// A category of MODELREF_LARGE_MB megabytes (default 32): how fast it loads, and how much memory
// each of several slow clients costs.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/clock.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::Models;
using ::modelref::testing::ServerChild;
using ::modelref::testing::TempDir;

constexpr int kClients = 8;
constexpr int kDescriptionBytes = 4'000;

int LargeMegabytes() {
  const char* set = std::getenv("MODELREF_LARGE_MB");
  int megabytes = 32;
  const bool understood = set == nullptr || absl::SimpleAtoi(set, &megabytes);
  EXPECT_TRUE(understood) << set;
  return megabytes;
}

// The resident memory of a process in KiB.
int64_t ResidentKib(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    if (!absl::StartsWith(line, "VmRSS:")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t kib = 0;
    if (words.size() >= 2 && absl::SimpleAtoi(words[1], &kib)) return kib;
  }
  ADD_FAILURE() << "no VmRSS of " << pid;
  return 0;
}

// The sum of a metric over its labels that contain `label`.
double Metric(const std::string& text, absl::string_view name, absl::string_view label) {
  double sum = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, name) || !absl::StrContains(line, label)) continue;
    double value = 0;
    if (absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value)) sum += value;
  }
  return sum;
}

class ServerLargeTest : public ::testing::Test {
 protected:
  ServerLargeTest() {
    models_ = static_cast<int>(int64_t{LargeMegabytes()} * 1'000'000 / kDescriptionBytes);
    data_.Write("clip.json", Models(1, models_, std::string(kDescriptionBytes, 'd')));
    server_ = std::make_unique<ServerChild>(data_.path());
  }

  absl::StatusOr<std::unique_ptr<CategoryStream>> Open() {
    v1::StreamCategoryRequest request;
    request.set_category("clip");
    return server_->client().StreamCategory(request);
  }
  // The number of records up to the verified end.
  static int Drain(CategoryStream& stream) {
    v1::Record record;
    int records = 0;
    absl::StatusOr<bool> more = stream.NextRecord(&record);
    for (; more.ok() && *more; more = stream.NextRecord(&record)) ++records;
    EXPECT_TRUE(more.ok()) << more.status();
    return records;
  }

  int models_ = 0;
  TempDir data_;
  std::unique_ptr<ServerChild> server_;
};

TEST_F(ServerLargeTest, EightClientsCostLittleMemory) {
  ASSERT_OK_AND_ASSIGN(const auto first, Open());
  EXPECT_EQ(Drain(*first), models_);
  const int64_t before = ResidentKib(server_->pid());
  // All are open at the same time before the first one reads on.
  std::vector<std::unique_ptr<CategoryStream>> streams;
  for (int i = 0; i < kClients; ++i) {
    ASSERT_OK_AND_ASSIGN(auto stream, Open());
    streams.push_back(std::move(stream));
  }
  int64_t most = ResidentKib(server_->pid());
  std::vector<int> records(kClients);
  std::vector<std::thread> readers;
  for (int i = 0; i < kClients; ++i) {
    readers.emplace_back([&, i] { records[i] = Drain(*streams[i]); });
  }
  for (std::thread& reader : readers) {
    most = std::max(most, ResidentKib(server_->pid()));
    reader.join();
  }
  most = std::max(most, ResidentKib(server_->pid()));
  EXPECT_EQ(records, std::vector<int>(kClients, models_));
  std::printf("%d clients: %lld KiB more than %lld KiB\n", kClients,
              static_cast<long long>(most - before), static_cast<long long>(before));
  EXPECT_LE(most - before, kClients * 2 * 1024);
}

// The start adopts the file; an edit is loaded as every later state is.
TEST_F(ServerLargeTest, LoadOfAnEditIsMeasured) {
  const std::string label = R"(backend="filesystem")";
  data_.Write("clip.json", Models(1, models_ + 1, std::string(kDescriptionBytes, 'd')));
  std::string metrics;
  double bytes = 0;
  for (int i = 0; i < 600 && bytes < LargeMegabytes() * 1e6; ++i) {
    Pause(absl::Milliseconds(50));
    metrics = server_->HttpGet("/metrics");
    bytes = Metric(metrics, "modelref_backend_read_bytes_total", label);
  }
  EXPECT_GE(bytes, LargeMegabytes() * 1e6);
  const double seconds = Metric(metrics, "modelref_backend_latency_seconds_sum", label);
  ASSERT_GT(seconds, 0) << metrics;
  std::printf("loaded at %.0f MB/s\n", bytes / 1e6 / seconds);
}

}  // namespace
}  // namespace modelref

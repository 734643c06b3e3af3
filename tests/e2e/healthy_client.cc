#include "tests/e2e/healthy_client.h"

#include <algorithm>
#include <cstdio>

#include "gtest/gtest.h"
#include "tests/testing/environment.h"

namespace modelref::testing {
namespace {

constexpr double kMostTimes = 1.2;
// So that twenty are slower than the p99.
constexpr size_t kCalls = 2'000;
// What else the machine does makes some of them slow; a server that is harmed is slow in all.
constexpr int kLooks = 3;
constexpr absl::Duration kStandstill = absl::Milliseconds(500);
constexpr absl::Duration kPatience = absl::Minutes(2);
constexpr char kMemory[] = "modelref_process_resident_memory_bytes";

std::string Text(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Microseconds(10)));
}

}  // namespace

HealthyClient::HealthyClient(const std::string& address) {
  ClientOptions options;
  options.address = address;
  options.user_agent = "healthy";
  options.retry.max_attempts = 1;
  client_ = *Client::Create(options);
  Call();
  latencies_.clear();
  calls_.store(0);
  thread_ = std::thread([this] {
    while (!done_.load()) Call();
  });
}

HealthyClient::~HealthyClient() { Stop(); }

void HealthyClient::Stop() {
  done_.store(true);
  if (thread_.joinable()) thread_.join();
}

absl::Duration HealthyClient::P99(size_t first, size_t last) const {
  std::vector<absl::Duration> some(latencies_.begin() + static_cast<ptrdiff_t>(first),
                                   latencies_.begin() + static_cast<ptrdiff_t>(last));
  std::sort(some.begin(), some.end());
  return some.empty() ? absl::ZeroDuration() : some[some.size() * 99 / 100];
}

void HealthyClient::Call() {
  v1::GetCategoryRequest request;
  request.set_category("clip");
  const absl::Time began = RealClock().TimeNow();
  if (!client_->GetCategory(request).ok()) ++failures_;
  latencies_.push_back(RealClock().TimeNow() - began);
  calls_.fetch_add(1);
}

void ExpectUnharmed(const ServerChild& server, const Harm& harm) {
  HealthyClient healthy(server.address());
  const auto await = [&](size_t more) {
    EXPECT_TRUE(Eventually(
        [&, wanted = healthy.calls() + more] { return healthy.calls() >= wanted; }, kPatience));
    return healthy.calls();
  };
  const size_t begin = await(kCalls);
  const double memory = server.Metric(kMemory);
  harm.arrive();
  std::vector<size_t> looks = {await(1)};
  const double grown = server.Metric(kMemory) - memory;
  for (int i = 0; i < kLooks; ++i) looks.push_back(await(kCalls));
  healthy.Stop();

  EXPECT_EQ(healthy.failures(), 0);
  const absl::Duration before = healthy.P99(0, begin);
  const absl::Duration arriving = healthy.P99(begin, looks[0]);
  absl::Duration during = absl::InfiniteDuration();
  for (int i = 0; i < kLooks; ++i) during = std::min(during, healthy.P99(looks[i], looks[i + 1]));
  std::printf("%s: p99 %s before, %s while it came (%zu calls), %s then (%.2f); %.1f MB more\n",
              harm.what.c_str(), Text(before).c_str(), Text(arriving).c_str(), looks[0] - begin,
              Text(during).c_str(), absl::FDivDuration(during, before), grown / 1e6);
  const absl::Duration floor =
      absl::Milliseconds(NumberFromEnvironment("MODELREF_P99_FLOOR_MS", 25));
  const absl::Duration most = std::max(before * kMostTimes, floor);
  EXPECT_LE(during, most);
  EXPECT_LE(arriving, harm.arrival_is_work ? std::max(most, kStandstill) : most);
  EXPECT_LE(grown, harm.most_bytes);
}

}  // namespace modelref::testing

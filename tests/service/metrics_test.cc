#include "service/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "service/metrics_collectors.h"

namespace modelref {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, FamiliesAreWrittenOnceInOrderOfTheirNames) {
  MetricsPage page;
  page.Add("modelref_b", MetricType::kGauge, "Second.", {{"x", "1"}}, 2.5);
  page.Add("modelref_a_total", MetricType::kCounter, "First.", {}, uint64_t{7});
  page.Add("modelref_b", MetricType::kGauge, "Second.", {{"x", "2"}, {"y", "3"}}, 1e300);
  EXPECT_EQ(page.Render(),
            "# HELP modelref_a_total First.\n"
            "# TYPE modelref_a_total counter\n"
            "modelref_a_total 7\n"
            "# HELP modelref_b Second.\n"
            "# TYPE modelref_b gauge\n"
            "modelref_b{x=\"1\"} 2.5\n"
            "modelref_b{x=\"2\",y=\"3\"} 1e+300\n");
}

TEST(MetricsTest, TextIsEscaped) {
  MetricsPage page;
  page.Add("modelref_x", MetricType::kGauge, "a\\b\nc\"d", {{"l", "q\"b\\n\ne"}}, uint64_t{1});
  EXPECT_EQ(page.Render(),
            "# HELP modelref_x a\\\\b\\nc\"d\n"
            "# TYPE modelref_x gauge\n"
            "modelref_x{l=\"q\\\"b\\\\n\\ne\"} 1\n");
}

TEST(MetricsTest, NumbersThatAreNoNumbersHaveTheirNames) {
  MetricsPage page;
  const double infinity = std::numeric_limits<double>::infinity();
  page.Add("m", MetricType::kGauge, "h", {{"v", "a"}}, infinity);
  page.Add("m", MetricType::kGauge, "h", {{"v", "b"}}, -infinity);
  page.Add("m", MetricType::kGauge, "h", {{"v", "c"}}, std::numeric_limits<double>::quiet_NaN());
  page.Add("m", MetricType::kGauge, "h", {{"v", "d"}}, std::numeric_limits<uint64_t>::max());
  EXPECT_THAT(page.Render(),
              AllOf(HasSubstr("m{v=\"a\"} +Inf\n"), HasSubstr("m{v=\"b\"} -Inf\n"),
                    HasSubstr("m{v=\"c\"} NaN\n"), HasSubstr("m{v=\"d\"} 18446744073709551615\n")));
}

TEST(MetricsTest, HistogramBucketsAreCumulative) {
  MetricsRegistry registry;
  MetricHistogram& histogram =
      registry.AddHistogram("modelref_t_seconds", "Time.", {0.1, 1}, {{"k", "v"}});
  for (const double seconds : {0.05, 0.1, 0.5, 7.0}) histogram.Observe(seconds);
  EXPECT_EQ(registry.Render(),
            "# HELP modelref_t_seconds Time.\n"
            "# TYPE modelref_t_seconds histogram\n"
            "modelref_t_seconds_bucket{k=\"v\",le=\"0.1\"} 2\n"
            "modelref_t_seconds_bucket{k=\"v\",le=\"1\"} 3\n"
            "modelref_t_seconds_bucket{k=\"v\",le=\"+Inf\"} 4\n"
            "modelref_t_seconds_sum{k=\"v\"} 7.65\n"
            "modelref_t_seconds_count{k=\"v\"} 4\n");
}

TEST(MetricsTest, CountersAndGaugesShowTheirPresentValue) {
  MetricsRegistry registry;
  MetricCounter& counter = registry.AddCounter("modelref_c_total", "C.");
  MetricGauge& gauge = registry.AddGauge("modelref_g", "G.", {{"k", "v"}});
  counter.Increment();
  counter.Increment(4);
  gauge.Set(3);
  gauge.Add(-5);
  EXPECT_THAT(registry.Render(),
              AllOf(HasSubstr("modelref_c_total 5\n"), HasSubstr("modelref_g{k=\"v\"} -2\n")));
}

TEST(MetricsTest, ScrapingWhileCountingLosesNothing) {
  MetricsRegistry registry;
  MetricCounter& counter = registry.AddCounter("modelref_c_total", "C.");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) counter.Increment();
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_THAT(registry.Render(), HasSubstr("modelref_c_total "));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 4000u);
}

TEST(MetricsTest, MethodsThatWereNeverCalledAreLeftOut) {
  RpcServerStats stats;
  stats.methods.resize(2);
  stats.methods[0].method = "/s/Called";
  stats.methods[0].started = 3;
  stats.methods[0].finished[0] = 1;
  stats.methods[0].finished[5] = 1;
  stats.methods[1].method = "/s/Idle";
  MetricsPage page;
  CollectRpc(stats, &page);
  EXPECT_THAT(
      page.Render(),
      AllOf(HasSubstr("modelref_rpc_finished_total{method=\"/s/Called\",code=\"NOT_FOUND\"} 1\n"),
            HasSubstr("modelref_rpc_in_flight{method=\"/s/Called\"} 1\n"), Not(HasSubstr("Idle"))));
}

TEST(MetricsTest, ProcessNumbersAreThoseOfThisProcess) {
  const ProcessNumbers numbers = ReadProcessNumbers();
  EXPECT_GT(numbers.resident_bytes, 1u << 20);
  EXPECT_GT(numbers.cpu_seconds, 0);
  EXPECT_GE(numbers.open_fds, 3u);
  EXPECT_GT(numbers.max_fds, numbers.open_fds);
  const uint64_t before = numbers.threads;
  ASSERT_GE(before, 1u);
  std::thread other([&] { EXPECT_EQ(ReadProcessNumbers().threads, before + 1); });
  other.join();
}

}  // namespace
}  // namespace modelref

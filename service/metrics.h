#pragma once

// Metrics in Prometheus' text form (version 0.0.4). Numbers are read where they are kept, when
// somebody asks: collectors add their families to a page.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "backends/base/mutex.h"

namespace modelref {

enum class MetricType { kCounter, kGauge, kHistogram };

// Label names and values, in the order they are written.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// The families of one scrape. Names begin with "modelref_" and end with their unit; a family that
// is added twice keeps its first type and help. Values and help are escaped. Single-threaded.
class MetricsPage {
 public:
  void Add(absl::string_view family, MetricType type, absl::string_view help,
           const MetricLabels& labels, double value);
  // Counters and sizes, without the loss of a double.
  void Add(absl::string_view family, MetricType type, absl::string_view help,
           const MetricLabels& labels, uint64_t value);
  // `bounds` in seconds, ascending; `counts` has one more entry and is not cumulative.
  void AddHistogram(absl::string_view family, absl::string_view help, const MetricLabels& labels,
                    const std::vector<double>& bounds, const std::vector<uint64_t>& counts,
                    double sum);

  // Families ordered by name.
  std::string Render() const;

 private:
  struct Family {
    MetricType type = MetricType::kGauge;
    std::string help;
    std::string samples;
  };

  Family& FamilyOf(absl::string_view name, MetricType type, absl::string_view help);
  void AddText(absl::string_view family, MetricType type, absl::string_view help,
               const MetricLabels& labels, absl::string_view value);

  std::map<std::string, Family> families_;
};

// A number that only grows. Thread-safe, lock-free.
class MetricCounter {
 public:
  void Increment(uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// A number that goes up and down. Thread-safe, lock-free.
class MetricGauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t by) { value_.fetch_add(by, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// How long something took. Thread-safe, lock-free.
class MetricHistogram {
 public:
  // `bounds` in seconds, ascending.
  explicit MetricHistogram(std::vector<double> bounds);

  void Observe(double seconds);
  const std::vector<double>& bounds() const { return bounds_; }
  // One more than there are bounds; not cumulative.
  std::vector<uint64_t> counts() const;
  double sum_seconds() const;

 private:
  const std::vector<double> bounds_;
  const std::unique_ptr<std::atomic<uint64_t>[]> counts_;
  std::atomic<uint64_t> sum_nanoseconds_{0};
};

// Everything that /metrics shows. Thread-safe; the metrics it hands out live as long as it does.
class MetricsRegistry {
 public:
  using Collector = std::function<void(MetricsPage*)>;

  // `collector` runs at each scrape, perhaps several at a time, and must not block for long.
  void AddCollector(Collector collector);

  // Metrics of their own, for what nobody else counts.
  MetricCounter& AddCounter(absl::string_view family, absl::string_view help,
                            MetricLabels labels = {});
  MetricGauge& AddGauge(absl::string_view family, absl::string_view help, MetricLabels labels = {});
  MetricHistogram& AddHistogram(absl::string_view family, absl::string_view help,
                                std::vector<double> bounds, MetricLabels labels = {});

  std::string Render() const;

 private:
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<const Collector>> collectors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

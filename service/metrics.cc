#include "service/metrics.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace modelref {
namespace {

std::string EscapeValue(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
}

std::string EscapeHelp(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\n", "\\n"}});
}

std::string LabelText(const MetricLabels& labels) {
  if (labels.empty()) return "";
  std::string text = "{";
  for (const auto& [name, value] : labels) {
    absl::StrAppend(&text, text.size() > 1 ? "," : "", name, "=\"", EscapeValue(value), "\"");
  }
  return text + "}";
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // The shortest of the exact forms for usual values.
  return absl::StrFormat("%.17g", value) == absl::StrFormat("%.6g", value)
             ? absl::StrFormat("%.6g", value)
             : absl::StrFormat("%.15g", value);
}

absl::string_view TypeText(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

std::unique_ptr<std::atomic<uint64_t>[]> ZeroedCounts(size_t size) {
  auto counts = std::make_unique<std::atomic<uint64_t>[]>(size);
  for (size_t i = 0; i < size; ++i) counts[i].store(0, std::memory_order_relaxed);
  return counts;
}

}  // namespace

MetricsPage::Family& MetricsPage::FamilyOf(absl::string_view name, MetricType type,
                                           absl::string_view help) {
  const auto [found, added] = families_.try_emplace(std::string(name));
  if (added) {
    found->second.type = type;
    found->second.help = std::string(help);
  }
  return found->second;
}

void MetricsPage::AddText(absl::string_view family, MetricType type, absl::string_view help,
                          const MetricLabels& labels, absl::string_view value) {
  absl::StrAppend(&FamilyOf(family, type, help).samples, family, LabelText(labels), " ", value,
                  "\n");
}

void MetricsPage::Add(absl::string_view family, MetricType type, absl::string_view help,
                      const MetricLabels& labels, double value) {
  AddText(family, type, help, labels, NumberText(value));
}

void MetricsPage::Add(absl::string_view family, MetricType type, absl::string_view help,
                      const MetricLabels& labels, uint64_t value) {
  AddText(family, type, help, labels, absl::StrCat(value));
}

void MetricsPage::AddHistogram(absl::string_view family, absl::string_view help,
                               const MetricLabels& labels, const std::vector<double>& bounds,
                               const std::vector<uint64_t>& counts, double sum) {
  std::string& samples = FamilyOf(family, MetricType::kHistogram, help).samples;
  uint64_t total = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    MetricLabels bucket = labels;
    bucket.emplace_back("le", i < bounds.size() ? NumberText(bounds[i]) : "+Inf");
    absl::StrAppend(&samples, family, "_bucket", LabelText(bucket), " ", total, "\n");
  }
  absl::StrAppend(&samples, family, "_sum", LabelText(labels), " ", NumberText(sum), "\n");
  absl::StrAppend(&samples, family, "_count", LabelText(labels), " ", total, "\n");
}

std::string MetricsPage::Render() const {
  std::string text;
  for (const auto& [name, family] : families_) {
    absl::StrAppend(&text, "# HELP ", name, " ", EscapeHelp(family.help), "\n# TYPE ", name, " ",
                    TypeText(family.type), "\n", family.samples);
  }
  return text;
}

MetricHistogram::MetricHistogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(ZeroedCounts(bounds_.size() + 1)) {}

void MetricHistogram::Observe(double seconds) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), seconds) - bounds_.begin();
  counts_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  if (seconds > 0) {
    sum_nanoseconds_.fetch_add(static_cast<uint64_t>(seconds * 1e9), std::memory_order_relaxed);
  }
}

std::vector<uint64_t> MetricHistogram::counts() const {
  std::vector<uint64_t> counts(bounds_.size() + 1);
  for (size_t i = 0; i < counts.size(); ++i) counts[i] = counts_[i].load(std::memory_order_relaxed);
  return counts;
}

double MetricHistogram::sum_seconds() const {
  return static_cast<double>(sum_nanoseconds_.load(std::memory_order_relaxed)) * 1e-9;
}

void MetricsRegistry::AddCollector(Collector collector) {
  MutexLock lock(&mutex_);
  collectors_.push_back(std::make_shared<const Collector>(std::move(collector)));
}

MetricCounter& MetricsRegistry::AddCounter(absl::string_view family, absl::string_view help,
                                           MetricLabels labels) {
  auto counter = std::make_shared<MetricCounter>();
  MetricCounter& added = *counter;
  AddCollector([counter = std::move(counter), family = std::string(family),
                help = std::string(help), labels = std::move(labels)](MetricsPage* page) {
    page->Add(family, MetricType::kCounter, help, labels, counter->value());
  });
  return added;
}

MetricGauge& MetricsRegistry::AddGauge(absl::string_view family, absl::string_view help,
                                       MetricLabels labels) {
  auto gauge = std::make_shared<MetricGauge>();
  MetricGauge& added = *gauge;
  AddCollector([gauge = std::move(gauge), family = std::string(family), help = std::string(help),
                labels = std::move(labels)](MetricsPage* page) {
    page->Add(family, MetricType::kGauge, help, labels, static_cast<double>(gauge->value()));
  });
  return added;
}

MetricHistogram& MetricsRegistry::AddHistogram(absl::string_view family, absl::string_view help,
                                               std::vector<double> bounds, MetricLabels labels) {
  auto histogram = std::make_shared<MetricHistogram>(std::move(bounds));
  MetricHistogram& added = *histogram;
  AddCollector([histogram = std::move(histogram), family = std::string(family),
                help = std::string(help), labels = std::move(labels)](MetricsPage* page) {
    page->AddHistogram(family, help, labels, histogram->bounds(), histogram->counts(),
                       histogram->sum_seconds());
  });
  return added;
}

std::string MetricsRegistry::Render() const {
  std::vector<std::shared_ptr<const Collector>> collectors;
  {
    MutexLock lock(&mutex_);
    collectors = collectors_;
  }
  MetricsPage page;
  for (const auto& collector : collectors) (*collector)(&page);
  return page.Render();
}

}  // namespace modelref

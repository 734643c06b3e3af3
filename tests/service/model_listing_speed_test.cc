// 100,000 models of about 1 KB: what a page costs. Prints the numbers. Times are of the processor,
// so that other work on the machine does not count.

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <iostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "service/category_statistics.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

constexpr int kModels = 100'000;
constexpr int kPages = 200;
// For the 99th percentile of a page; right after a commit, one chunk is parsed first.
constexpr double kBoundMillis = 10;
constexpr double kBoundAfterCommitMillis = 20;

double CpuMillis() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::string Millis(double millis) { return absl::StrFormat("%.2f ms", millis); }

RecordPtr MakeModel(int i) {
  const std::string name = absl::StrCat("author", i % 977, "/Model-", i * 7919 % kModels, "B-v", i);
  const std::string hash(64, static_cast<char>('a' + i % 6));
  return MakeRecord(
      name,
      absl::StrCat("{\"name\":\"", name, "\",\"description\":\"", std::string(380, 'd'),
                   "\",\"version\":\"1\",\"config\":{\"download\":[{\"file_name\":\"model", i,
                   ".safetensors\",\"file_url\":\"https://example.org/models/", i,
                   "?download=true\",\"sha256sum\":\"", hash, "\",\"size_bytes\":", 1000 + i,
                   "}]},\"baseline\":\"baseline", i % 11, "\",\"parameters\":", i % 1000,
                   "000000000,\"nsfw\":", i % 3 == 0 ? "true" : "false", ",\"style\":\"style",
                   i % 7, "\",\"tags\":[\"tag", i % 50, "\",\"group", i % 13, "\",\"rare", i % 5000,
                   "\"],\"showcases\":[\"https://example.org/showcase/", i, "/1.webp\"],",
                   "\"trigger\":[\"word", i, "\"],\"size_on_disk_bytes\":", 1000 + i, "}"));
}

const DocumentPtr& LargeDocument() {
  static const auto* const document = [] {
    std::vector<RecordPtr> records;
    for (int i = 0; i < kModels; ++i) records.push_back(MakeModel(i));
    return new DocumentPtr(Document::FromRecords(std::move(records), 1));
  }();
  return *document;
}

class ListingSpeedTest : public testing::Test {
 protected:
  ListingSpeedTest() { lister_.document = LargeDocument(); }

  // Pages through the listing, from the beginning again where it ends; `between` runs untimed.
  template <typename Fn>
  void Measure(const char* what, double bound, Fn between) {
    double start = CpuMillis();
    lister_.NextNames();
    const double first = CpuMillis() - start;
    std::vector<double> pages;
    size_t models = 0;
    for (int i = 0; i < kPages; ++i) {
      between();
      start = CpuMillis();
      const absl::StatusOr<v1::ListModelsResponse> page = lister_.List();
      pages.push_back(CpuMillis() - start);
      ASSERT_TRUE(page.ok()) << page.status();
      models += static_cast<size_t>(page->models_size());
      lister_.request.set_page_token(page->next_page_token());
    }
    std::sort(pages.begin(), pages.end());
    const double slow = pages[pages.size() * 99 / 100];
    std::cerr << what << ": first " << Millis(first) << ", p50 " << Millis(pages[pages.size() / 2])
              << ", p99 " << Millis(slow) << ", " << models / pages.size() << " models a page\n";
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LT(slow, bound) << what;
#else
    EXPECT_GT(bound, 0);  // Meaningless in a build that is slow on purpose.
#endif
  }
  void Measure(const char* what) {
    Measure(what, kBoundMillis, [] {});
  }

  Lister lister_;
};

TEST_F(ListingSpeedTest, PagesOfEveryKindAreQuick) {
  Measure("stored order, no filter");
  lister_.request.Clear();
  lister_.request.set_page_size(1000);
  Measure("stored order, no filter, 1000 a page");
  lister_.request.Clear();
  lister_.request.mutable_filter()->add_tags_any("tag7");
  lister_.request.mutable_filter()->add_tags_any("rare77");
  Measure("tags_any of two");
  lister_.request.Clear();
  lister_.request.mutable_filter()->set_name_contains("odel-9");
  Measure("name_contains");
  lister_.request.Clear();
  lister_.request.mutable_filter()->set_name_contains("matches nothing");
  Measure("name_contains without a match");
  for (int order = v1::ModelOrder_MIN + 1; order <= v1::ModelOrder_MAX; ++order) {
    lister_.request.Clear();
    lister_.request.set_order(static_cast<v1::ModelOrder>(order));
    Measure(v1::ModelOrder_Name(lister_.request.order()).c_str());
  }
  std::cerr << "index: " << lister_.indexes.bytes() / 1'000'000 << " MB for a document of "
            << lister_.document->size_bytes() / 1'000'000 << " MB\n";
}

TEST_F(ListingSpeedTest, AChangeBetweenPagesCostsOneChunk) {
  int changed = 0;
  for (const v1::ModelOrder order :
       {v1::MODEL_ORDER_UNSPECIFIED, v1::MODEL_ORDER_NAME, v1::MODEL_ORDER_PARAMETERS}) {
    lister_.request.Clear();
    lister_.request.set_order(order);
    lister_.request.mutable_filter()->add_tags_any("group7");
    const std::string what =
        absl::StrCat(v1::ModelOrder_Name(order), ", a commit before each page");
    Measure(what.c_str(), kBoundAfterCommitMillis, [&] {
      const RecordPtr old = MakeModel(changed++ * 311 % kModels);
      lister_.Apply({{old->name, MakeRecord(old->name, "{\"tags\":[\"group7\"]}")}});
    });
  }
}

TEST_F(ListingSpeedTest, StatisticsCountOnlyTheChunksThatChanged) {
  CategoryStatisticsCache cache(size_t{64} << 20);
  const DocumentKey key{"image_generation", Format::kV2};
  std::vector<double> times;
  for (int i = 0; i < 50; ++i) {
    const double start = CpuMillis();
    const auto statistics = cache.Get(key, lister_.document);
    times.push_back(CpuMillis() - start);
    EXPECT_EQ(statistics->response().total_models(), static_cast<uint64_t>(kModels));
    const RecordPtr old = MakeModel(i * 311 % kModels);
    lister_.Apply({{old->name, MakeRecord(old->name, "{}")}});
  }
  std::sort(times.begin(), times.end());
  std::cerr << "statistics: first " << Millis(times.back()) << ", after a commit p50 "
            << Millis(times[times.size() / 2]) << ", " << cache.bytes() / 1'000'000 << " MB\n";
  EXPECT_LT(times[times.size() / 2], times.back() / 2);
}

}  // namespace
}  // namespace modelref

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 40;

// Each snapshot holds as many models with the tag "new" as it is old.
std::vector<DocumentPtr> Snapshots() {
  std::vector<std::pair<std::string, std::string>> records;
  for (int i = 0; i < 600; ++i) records.emplace_back(absl::StrCat("m", i), "{\"parameters\":1}");
  std::vector<DocumentPtr> snapshots = {DocumentOf(records)};
  for (int i = 1; i < kRounds; ++i) {
    const std::string name = absl::StrCat("m", i * 7);
    snapshots.push_back(
        snapshots.back()->Apply({{name, RecordOf(name, "{\"tags\":[\"new\"]}")}}, i));
  }
  return snapshots;
}

// Threads run through the snapshots at their own pace and share one cache, so that indexes are
// derived from older and from newer ones while others read them.
TEST(ModelListingThreadsTest, EveryThreadGetsTheListingOfItsOwnSnapshot) {
  const std::vector<DocumentPtr> snapshots = Snapshots();
  ModelIndexCache indexes(size_t{64} << 20);
  std::atomic<int> listed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      v1::ListModelsRequest request;
      request.mutable_filter()->add_tags_any("new");
      request.add_read_mask("name");
      for (int i = 0; i < kRounds; ++i) {
        request.set_order(static_cast<v1::ModelOrder>((i + t) % v1::ModelOrder_ARRAYSIZE));
        const auto page = ListModels(request, {{"clip", Format::kV2}, snapshots[i], 1}, &indexes);
        ASSERT_TRUE(page.ok()) << page.status();
        EXPECT_EQ(page->models_size(), i);
        EXPECT_EQ(page->total_matches(), static_cast<uint64_t>(i));
        ++listed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(listed, kThreads * kRounds);
}

}  // namespace
}  // namespace modelref

#include "service/statistics_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>

#include "absl/strings/str_cat.h"
#include "service/metrics_collectors.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StatisticsServiceTest : public ::testing::Test {
 protected:
  StatisticsServiceTest()
      : registry_(*CategoryRegistry::Create({})),
        store_(registry_.DocumentKeys(), clock_, Store::Options()) {
    sources_.since = clock_.TimeNow();
  }

  v1::GetStatisticsResponse Get() {
    const StatisticsService service({store_, registry_, Format::kV2, "node-1", clock_, {}},
                                    sources_);
    absl::StatusOr<v1::GetStatisticsResponse> response = service.GetStatistics();
    EXPECT_TRUE(response.ok()) << response.status();
    return *std::move(response);
  }

  testing::FakeClock clock_;
  CategoryRegistry registry_;
  Store store_;
  StatisticsSources sources_;
};

TEST_F(StatisticsServiceTest, PartsWithoutASourceAreLeftOut) {
  const v1::GetStatisticsResponse statistics = Get();
  EXPECT_EQ(statistics.backends_size(), 0);
  EXPECT_TRUE(statistics.has_store());
  EXPECT_FALSE(statistics.has_hub());
  EXPECT_FALSE(statistics.has_queue());
  EXPECT_FALSE(statistics.has_lifecycle());
  EXPECT_EQ(statistics.header().node_id(), "node-1");
  EXPECT_EQ(statistics.since().seconds(), absl::ToUnixSeconds(clock_.TimeNow()));
  EXPECT_GT(statistics.process().resident_bytes(), 0u);
}

TEST_F(StatisticsServiceTest, TheStoreIsCountedFromOneRoot) {
  const DocumentKey key{"clip", Format::kV2};
  DocumentEdit edit;
  edit.key = key;
  edit.changes = {{"a", MakeRecord("a", R"({"name":"a"})")}, {"b", MakeRecord("b", "{}")}};
  const uint64_t revision = store_.Commit("test", {edit})->root->revision;
  store_.SetFreshness({"blip", Format::kV2}, FreshnessCause::kEditHeld, "");
  store_.SetDamage({"esrgan", Format::kV2}, absl::DataLossError("x"));
  const v1::StoreStatistics store = Get().store();
  EXPECT_EQ(store.revision(), revision);
  EXPECT_EQ(store.documents(), 30u);
  EXPECT_EQ(store.models(), 2u);
  EXPECT_EQ(store.snapshot_bytes(), 29 * 2 + std::string(R"({"a":{"name":"a"},"b":{}})").size());
  EXPECT_EQ(store.documents_stale(), 1u);
  EXPECT_EQ(store.edits_held(), 1u);
  EXPECT_EQ(store.documents_damaged(), 1u);
}

TEST_F(StatisticsServiceTest, TheHistoryAndTheSlowestProjectionAreCounted) {
  const auto commit = [this](const std::string& caller, const std::string& name) {
    DocumentEdit edit;
    edit.key = {"clip", Format::kV2};
    edit.changes = {{name, MakeRecord(name, "{}")}, {name + "2", MakeRecord(name + "2", "{}")}};
    return store_.Commit(caller, {edit})->root->revision;
  };
  const uint64_t first = commit("external:file", "a");
  commit("test", "b");
  commit("test", "c");
  EXPECT_EQ(Get().store().projection_lag(), 0u) << "nobody writes any";
  sources_.projector = [first] {
    Projector::Status status;
    status.is_holder = true;
    status.projections = {{"audit", absl::OkStatus(), first + 4, 0},
                          {"slow", absl::OkStatus(), first, 0}};
    return status;
  };
  const v1::StoreStatistics store = Get().store();
  EXPECT_EQ(store.transactions(), 3u);
  EXPECT_EQ(store.events(), 6u);
  EXPECT_EQ(store.edits_imported(), 1u);
  EXPECT_EQ(store.projection_lag(), 2u);
  EXPECT_EQ(store.database_bytes(), 0u) << "it is in memory";
}

// The tables are not read anew for each answer.
TEST_F(StatisticsServiceTest, LaterAnswersCountOnFromTheOneBefore) {
  const StatisticsService service({store_, registry_, Format::kV2, "node-1", clock_, {}}, sources_);
  for (uint64_t count = 1; count <= 3; ++count) {
    const std::string name = absl::StrCat("model-", count);
    DocumentEdit edit;
    edit.key = {"clip", Format::kV2};
    edit.changes = {{name, MakeRecord(name, "{}")}};
    ASSERT_TRUE(store_.Commit(count == 2 ? "external:file" : "test", {edit}).ok());
    for (int again = 0; again < 2; ++again) {
      ASSERT_OK_AND_ASSIGN(const v1::GetStatisticsResponse response, service.GetStatistics());
      EXPECT_EQ(response.store().transactions(), count);
      EXPECT_EQ(response.store().events(), count);
      EXPECT_EQ(response.store().edits_imported(), count >= 2 ? 1u : 0u);
    }
  }
  // What was counted is not asked for again.
  ASSERT_TRUE(store_
                  .Query([](Database& database) {
                    return database.Execute("DELETE FROM transactions WHERE revision = 1");
                  })
                  .ok());
  ASSERT_OK_AND_ASSIGN(const v1::GetStatisticsResponse response, service.GetStatistics());
  EXPECT_EQ(response.store().transactions(), 3u);
}

TEST_F(StatisticsServiceTest, CommitsThatChangeSomethingAreTimed) {
  EXPECT_EQ(Get().store().commit_latency().count(), 0u);
  DocumentEdit edit;
  edit.key = {"clip", Format::kV2};
  edit.changes = {{"a", MakeRecord("a", "{}")}};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store_.Commit("test", {edit}).ok());
  const v1::Histogram& latency = Get().store().commit_latency();
  EXPECT_EQ(latency.count(), 1u) << "two changed nothing";
  EXPECT_GT(latency.sum_seconds(), 0.0);
  EXPECT_EQ(latency.counts_size(), latency.upper_bounds_seconds_size() + 1);
}

TEST_F(StatisticsServiceTest, BackendsKeepTheirOrderAndHistogram) {
  sources_.backends = [] {
    BackendStatistics cache;
    cache.name = "caching";
    cache.hits = 5;
    cache.cache_size = 3;
    BackendStatistics files;
    files.name = "filesystem";
    files.errors = 1;
    files.latency_counts.assign(std::size(kLatencyBoundsSeconds) + 1, 2);
    files.latency_sum = absl::Milliseconds(1500);
    return std::vector<BackendStatistics>{cache, files};
  };
  const v1::GetStatisticsResponse statistics = Get();
  ASSERT_EQ(statistics.backends_size(), 2);
  EXPECT_EQ(statistics.backends(0).name(), "caching");
  EXPECT_EQ(statistics.backends(0).hits(), 5u);
  EXPECT_EQ(statistics.backends(0).cache_size(), 3u);
  EXPECT_FALSE(statistics.backends(0).has_latency());
  const v1::Histogram& latency = statistics.backends(1).latency();
  EXPECT_EQ(latency.counts_size(), latency.upper_bounds_seconds_size() + 1);
  EXPECT_EQ(latency.count(), 2u * (std::size(kLatencyBoundsSeconds) + 1));
  EXPECT_DOUBLE_EQ(latency.sum_seconds(), 1.5);
}

TEST_F(StatisticsServiceTest, MethodsAreCountedByCode) {
  sources_.hub = [] {
    WatchHub::Statistics hub;
    hub.sessions = 2;
    hub.sessions_total = 9;
    hub.events = 30;
    hub.folded = 4;
    hub.resumes[v1::RESUME_KIND_COALESCED] = 5;
    return hub;
  };
  sources_.rpc = [] {
    RpcServerStats stats;
    stats.streams_refused = 4;
    stats.methods.resize(2);
    stats.methods[0].method = "/s/M";
    stats.methods[0].started = 5;
    stats.methods[0].finished[0] = 3;
    stats.methods[0].finished[5] = 1;
    stats.methods[1].method = "/s/Idle";
    return stats;
  };
  const v1::GetStatisticsResponse statistics = Get();
  EXPECT_EQ(statistics.hub().streams(), 2u);
  EXPECT_EQ(statistics.hub().streams_opened(), 9u);
  EXPECT_EQ(statistics.hub().streams_refused(), 4u);
  EXPECT_EQ(statistics.hub().events(), 30u);
  EXPECT_EQ(statistics.hub().coalesced(), 4u);
  EXPECT_EQ(statistics.hub().resumed_coalesced(), 5u);
  ASSERT_EQ(statistics.methods_size(), 1);
  EXPECT_EQ(statistics.methods(0).in_flight(), 1u);
  ASSERT_EQ(statistics.methods(0).finished_size(), 2);
  EXPECT_EQ(statistics.methods(0).finished(0).name(), "OK");
  EXPECT_EQ(statistics.methods(0).finished(1).name(), "NOT_FOUND");
}

TEST_F(StatisticsServiceTest, MetricsShowTheSameStore) {
  store_.SetFreshness({"clip", Format::kV2}, FreshnessCause::kMarked, "");
  MetricsPage page;
  CollectStore(*store_.root(), &page);
  WatchHub::Statistics watch;
  watch.sessions = 7;
  watch.resumes[v1::RESUME_KIND_EXACT] = 3;
  watch.snapshots[v1::SNAPSHOT_REASON_INITIAL] = 2;
  CollectWatch(watch, &page);
  CollectBuild("1.2.3", clock_.TimeNow(), &page);
  EXPECT_THAT(page.Render(),
              AllOf(HasSubstr("modelref_store_documents 30\n"),
                    HasSubstr("modelref_document_stale{category=\"clip\",format=\"v2\"} 1\n"),
                    HasSubstr("modelref_document_stale{category=\"blip\",format=\"v2\"} 0\n"),
                    HasSubstr("modelref_watch_streams 7\n"),
                    HasSubstr("modelref_watch_resumes_total{kind=\"RESUME_KIND_EXACT\"} 3\n"),
                    HasSubstr("modelref_watch_snapshots_total{reason=\"SNAPSHOT_REASON_INITIAL\"}"
                              " 2\n"),
                    HasSubstr("modelref_start_time_seconds 1700000000\n"),
                    HasSubstr("modelref_build_info{version=\"1.2.3\"} 1\n")));
}

}  // namespace
}  // namespace modelref

#include "service/statistics_service.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/status_macros.h"
#include "service/metrics_process.h"
#include "service/store/database.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

template <typename Bounds, typename Counts>
void FillHistogram(const Bounds& bounds, const Counts& counts, absl::Duration sum,
                   v1::Histogram* histogram) {
  uint64_t count = 0;
  for (const double bound : bounds) histogram->add_upper_bounds_seconds(bound);
  for (const uint64_t value : counts) {
    histogram->add_counts(value);
    count += value;
  }
  histogram->set_count(count);
  histogram->set_sum_seconds(absl::ToDoubleSeconds(sum));
}

void FillBackend(const BackendStatistics& from, v1::BackendStatistics* to) {
  to->set_name(from.name);
  to->set_fetches(from.fetches);
  to->set_hits(from.hits);
  to->set_misses(from.misses);
  to->set_refreshes(from.refreshes);
  to->set_fallbacks(from.fallbacks);
  to->set_errors(from.errors);
  to->set_bytes(from.bytes);
  to->set_cache_size(from.cache_size);
  if (!from.latency_counts.empty()) {
    FillHistogram(kLatencyBoundsSeconds, from.latency_counts, from.latency_sum,
                  to->mutable_latency());
  }
}

void FillStore(const Root& root, v1::StoreStatistics* store) {
  store->set_revision(root.revision);
  store->set_documents(root.documents.size());
  uint64_t models = 0;
  uint64_t bytes = 0;
  uint64_t stale = 0;
  uint64_t damaged = 0;
  uint64_t held = 0;
  uint64_t unrepresentable = 0;
  for (const auto& [key, document] : root.documents) {
    models += document->document->record_count();
    bytes += document->document->size_bytes();
    stale += document->freshness.stale() ? 1 : 0;
    damaged += document->damage.ok() ? 0 : 1;
    held += document->freshness.cause == FreshnessCause::kEditHeld ? 1 : 0;
    unrepresentable += document->problems.size();
  }
  store->set_models(models);
  store->set_snapshot_bytes(bytes);
  store->set_documents_stale(stale);
  store->set_documents_damaged(damaged);
  store->set_edits_held(held);
  store->set_records_unrepresentable(unrepresentable);
}

// Adds the transactions after `counted->revision`.
absl::Status CountOn(Database& database, CountedHistory* counted) {
  ASSIGN_OR_RETURN(
      Statement query,
      database.Prepare("SELECT count(*), sum(revision - first_event + 1), sum(caller = "
                       "'external:file'), max(revision) FROM transactions WHERE "
                       "revision > ?"));
  query.Bind(1, counted->revision);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (!row || query.Unsigned(0) == 0) return absl::OkStatus();
  counted->transactions += query.Unsigned(0);
  counted->events += query.Unsigned(1);
  counted->edits_imported += query.Unsigned(2);
  counted->revision = query.Unsigned(3);
  return absl::OkStatus();
}

absl::Status FillHeld(Database& database, v1::StoreStatistics* store) {
  ASSIGN_OR_RETURN(const int64_t held,
                   database.QueryInt("SELECT count(*) FROM held WHERE state = 0 AND kind = 1"));
  // Without a database of its own a store keeps no edits, but tells which documents wait.
  store->set_edits_held(std::max(store->edits_held(), static_cast<uint64_t>(held)));
  return absl::OkStatus();
}

// By transactions, of the projection that is furthest behind.
absl::Status FillLag(Database& database, const Projector::Status& projector,
                     v1::StoreStatistics* store) {
  if (!projector.is_holder || projector.projections.empty()) return absl::OkStatus();
  uint64_t position = UINT64_MAX;
  for (const Projector::Projection& projection : projector.projections) {
    position = std::min(position, projection.position);
  }
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT count(*) FROM transactions WHERE revision > ?"));
  query.Bind(1, position);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (row) store->set_projection_lag(query.Unsigned(0));
  return absl::OkStatus();
}

uint64_t DatabaseBytes(const Store& store) {
  if (store.options().directory.empty()) return 0;
  uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    const absl::StatusOr<FileVersion> file =
        StatFile(absl::StrCat(store.options().directory, kDatabaseFile, suffix));
    if (file.ok()) bytes += file->size;
  }
  return bytes;
}

void FillHub(const WatchHub::Statistics& from, v1::HubStatistics* to) {
  to->set_streams(from.sessions);
  to->set_streams_opened(from.sessions_total);
  to->set_messages(from.messages);
  to->set_bytes(from.bytes);
  to->set_events(from.events);
  to->set_coalesced(from.folded);
  to->set_bookmarks(from.bookmarks);
  to->set_drained(from.drains);
  to->set_encoded(from.cuts_encoded);
  to->set_resumed_exact(from.resumes[v1::RESUME_KIND_EXACT]);
  to->set_resumed_coalesced(from.resumes[v1::RESUME_KIND_COALESCED]);
  to->set_resynced(from.resumes[v1::RESUME_KIND_RESYNC]);
}

void FillMethod(const MethodStats& from, v1::MethodStatistics* to) {
  to->set_method(from.method);
  to->set_started(from.started);
  uint64_t finished = 0;
  for (size_t code = 0; code < from.finished.size(); ++code) {
    finished += from.finished[code];
    if (from.finished[code] == 0) continue;
    v1::NamedCount* count = to->add_finished();
    count->set_name(absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
    count->set_count(from.finished[code]);
  }
  // The two are not read at one instant.
  to->set_in_flight(from.started > finished ? from.started - finished : 0);
  if (!from.streaming) {
    FillHistogram(kLatencyBounds, from.latency_buckets, from.latency_sum, to->mutable_latency());
  }
  to->set_received_bytes(from.bytes_received);
  to->set_sent_bytes(from.bytes_sent);
}

void FillProcess(v1::ProcessStatistics* process) {
  const ProcessNumbers numbers = ReadProcessNumbers();
  process->set_resident_bytes(numbers.resident_bytes);
  process->set_cpu_seconds(numbers.cpu_seconds);
  process->set_open_fds(numbers.open_fds);
  process->set_max_fds(numbers.max_fds);
  process->set_threads(numbers.threads);
}

}  // namespace

StatisticsService::StatisticsService(Catalogue catalogue, StatisticsSources sources)
    : catalogue_(std::move(catalogue)), sources_(std::move(sources)) {}

void StatisticsService::Register(MethodTable* methods) {
  // Counting the descriptors of a process with many streams takes a while.
  methods->Unary<v1::GetStatisticsRequest, v1::GetStatisticsResponse>(
      "/modelref.v1.StatisticsService/GetStatistics",
      [this](const CallContext&, const v1::GetStatisticsRequest&) { return GetStatistics(); },
      {.blocking = true});
}

absl::Status StatisticsService::FillHistory(Database& database, const Root& root,
                                            v1::StoreStatistics* store) const {
  MutexLock lock(&mutex_);
  // Another epoch may be another history.
  if (counted_.epoch != root.epoch) counted_ = CountedHistory{root.epoch};
  RETURN_IF_ERROR(CountOn(database, &counted_));
  store->set_transactions(counted_.transactions);
  store->set_events(counted_.events);
  store->set_edits_imported(counted_.edits_imported);
  return absl::OkStatus();
}

absl::StatusOr<v1::GetStatisticsResponse> StatisticsService::GetStatistics() const {
  const RootPtr root = catalogue_.store.root();
  v1::GetStatisticsResponse response;
  FillHeader(*root, catalogue_.node_id, response.mutable_header());
  *response.mutable_since() = ToProto(sources_.since);
  if (sources_.backends != nullptr) {
    for (const BackendStatistics& backend : sources_.backends()) {
      FillBackend(backend, response.add_backends());
    }
  }
  v1::StoreStatistics* store = response.mutable_store();
  FillStore(*root, store);
  store->set_database_bytes(DatabaseBytes(catalogue_.store));
  const BackendStatistics commits = catalogue_.store.commit_latency();
  FillHistogram(kLatencyBoundsSeconds, commits.latency_counts, commits.latency_sum,
                store->mutable_commit_latency());
  const absl::Status counted = catalogue_.store.Query([&](Database& database) -> absl::Status {
    RETURN_IF_ERROR(FillHistory(database, *root, store));
    RETURN_IF_ERROR(FillHeld(database, store));
    return sources_.projector == nullptr ? absl::OkStatus()
                                         : FillLag(database, sources_.projector(), store);
  });
  RETURN_IF_ERROR(counted);
  if (sources_.file_checks != nullptr) store->set_file_checks(sources_.file_checks());
  if (sources_.hub != nullptr) FillHub(sources_.hub(), response.mutable_hub());
  if (sources_.rpc != nullptr) {
    const RpcServerStats stats = sources_.rpc();
    for (const MethodStats& method : stats.methods) {
      if (method.started > 0) FillMethod(method, response.add_methods());
    }
    if (response.has_hub()) response.mutable_hub()->set_streams_refused(stats.streams_refused);
  }
  FillProcess(response.mutable_process());
  return response;
}

}  // namespace modelref

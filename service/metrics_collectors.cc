#include "service/metrics_collectors.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

void CollectMethod(const MethodStats& method, MetricsPage* page) {
  const MetricLabels labels = {{"method", method.method}};
  page->Add("modelref_rpc_started_total", kCounter, "Calls begun.", labels, method.started);
  uint64_t finished = 0;
  for (size_t code = 0; code < method.finished.size(); ++code) {
    finished += method.finished[code];
    if (method.finished[code] == 0) continue;
    MetricLabels by_code = labels;
    by_code.emplace_back("code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
    page->Add("modelref_rpc_finished_total", kCounter, "Calls ended, by canonical code.", by_code,
              method.finished[code]);
  }
  // The two are not read at one instant.
  page->Add("modelref_rpc_in_flight", kGauge, "Calls running now.", labels,
            method.started > finished ? method.started - finished : uint64_t{0});
  page->Add("modelref_rpc_received_bytes_total", kCounter, "Bytes of request messages.", labels,
            method.bytes_received);
  page->Add("modelref_rpc_sent_bytes_total", kCounter, "Bytes of response messages.", labels,
            method.bytes_sent);
  page->Add("modelref_rpc_sent_messages_total", kCounter, "Response messages.", labels,
            method.messages_sent);
  if (method.streaming) return;  // The life of a stream says nothing about speed.
  page->AddHistogram("modelref_rpc_latency_seconds", "Time from the start of handling to the end.",
                     labels, {kLatencyBounds.begin(), kLatencyBounds.end()},
                     {method.latency_buckets.begin(), method.latency_buckets.end()},
                     absl::ToDoubleSeconds(method.latency_sum));
}

void CollectConnections(const AcceptorStats& stats, MetricsPage* page) {
  page->Add("modelref_connections_open", kGauge, "Connections open now, looked at every 5 s.", {},
            stats.open);
  page->Add("modelref_connections_accepted_total", kCounter, "Connections accepted.", {},
            stats.accepted);
  for (size_t i = 0; i < kRefusedConnections; ++i) {
    page->Add("modelref_connections_refused_total", kCounter,
              "Connections closed as they were accepted, by reason.",
              {{"reason", RefusalName(static_cast<RefusedConnection>(i))}}, stats.refused[i]);
  }
  page->Add("modelref_connections_accept_errors_total", kCounter,
            "Failures to accept for other reasons.", {}, stats.errors);
}

}  // namespace

void CollectBuild(absl::string_view version, absl::Time start_time, MetricsPage* page) {
  page->Add("modelref_build_info", kGauge, "Always 1; the labels say what runs.",
            {{"version", std::string(version)}}, uint64_t{1});
  page->Add("modelref_start_time_seconds", kGauge, "When the process started, since the epoch.", {},
            absl::ToDoubleSeconds(start_time - absl::UnixEpoch()));
}

void CollectProcess(const ProcessNumbers& numbers, MetricsPage* page) {
  page->Add("modelref_process_resident_memory_bytes", kGauge, "Memory in use.", {},
            numbers.resident_bytes);
  page->Add("modelref_process_cpu_seconds_total", kCounter, "Processor time used.", {},
            numbers.cpu_seconds);
  page->Add("modelref_process_open_fds", kGauge, "Open file descriptors.", {}, numbers.open_fds);
  page->Add("modelref_process_max_fds", kGauge, "File descriptors allowed.", {}, numbers.max_fds);
  page->Add("modelref_process_threads", kGauge, "Threads.", {}, numbers.threads);
}

void CollectRpc(const RpcServerStats& stats, MetricsPage* page) {
  for (const MethodStats& method : stats.methods) {
    if (method.started > 0) CollectMethod(method, page);
  }
  page->Add("modelref_rpc_streams_open", kGauge, "Streams open now.", {},
            static_cast<double>(stats.streams_open));
  page->Add("modelref_rpc_writes_stalled", kGauge, "Messages a peer does not take.", {},
            static_cast<double>(stats.writes_stalled));
  page->Add("modelref_rpc_writes_cancelled_total", kCounter,
            "Calls ended because the peer took nothing.", {}, stats.writes_cancelled);
  page->Add("modelref_rpc_streams_refused_total", kCounter, "Streams refused by a limit or drain.",
            {}, stats.streams_refused);
  page->Add("modelref_rpc_not_admitted_total", kCounter, "Calls refused by the policy.", {},
            stats.calls_not_admitted);
  page->Add("modelref_rpc_admissions_waiting", kGauge, "Calls whose caller is being asked for.", {},
            static_cast<uint64_t>(stats.admissions_waiting));
  page->Add("modelref_rpc_streams_revoked_total", kCounter,
            "Streams ended because their caller's right had ended.", {}, stats.streams_revoked);
  page->Add("modelref_rpc_slow_total", kCounter, "Calls that took longer than log.slow_call.", {},
            stats.slow_calls);
  page->Add("modelref_rpc_memory_refused_total", kCounter, "Streams refused for want of memory.",
            {}, stats.memory_refusals);
  CollectConnections(stats.connections, page);
  page->Add("modelref_rpc_executor_queued", kGauge, "Blocking calls that wait for a thread.", {},
            uint64_t{stats.executor_queued});
}

void CollectBackends(const std::vector<BackendStatistics>& backends, MetricsPage* page) {
  for (const BackendStatistics& backend : backends) {
    const MetricLabels labels = {{"backend", backend.name}};
    const auto add = [&](absl::string_view family, absl::string_view help, uint64_t value) {
      page->Add(absl::StrCat("modelref_backend_", family, "_total"), kCounter, help, labels, value);
    };
    add("fetches", "Documents asked for.", backend.fetches);
    add("hits", "Fetches answered from memory.", backend.hits);
    add("misses", "Fetches that asked the source.", backend.misses);
    add("refreshes", "Fetches that were forced.", backend.refreshes);
    add("fallbacks", "Fetches that another source answered.", backend.fallbacks);
    add("errors", "Fetches that failed.", backend.errors);
    add("read_bytes", "Bytes read from the source.", backend.bytes);
    page->Add("modelref_backend_cached_documents", kGauge, "Documents cached now.", labels,
              backend.cache_size);
    if (backend.latency_counts.empty()) continue;
    page->AddHistogram("modelref_backend_latency_seconds", "Time of reads from the source.", labels,
                       {std::begin(kLatencyBoundsSeconds), std::end(kLatencyBoundsSeconds)},
                       backend.latency_counts, absl::ToDoubleSeconds(backend.latency_sum));
  }
}

void CollectStore(const Root& root, MetricsPage* page) {
  page->Add("modelref_store_revision", kGauge, "The newest revision.", {}, root.revision);
  page->Add("modelref_store_documents", kGauge, "Documents, empty ones included.", {},
            uint64_t{root.documents.size()});
  for (const auto& [key, state] : root.documents) {
    const MetricLabels labels = {{"category", key.category},
                                 {"format", std::string(FormatName(key.format))}};
    page->Add("modelref_document_models", kGauge, "Models of a document.", labels,
              uint64_t{state->document->record_count()});
    page->Add("modelref_document_size_bytes", kGauge, "Size of a document as canonical JSON.",
              labels, uint64_t{state->document->size_bytes()});
    page->Add("modelref_document_stale", kGauge, "1 while a document is stale.", labels,
              uint64_t{state->freshness.stale()});
    page->Add("modelref_document_damaged", kGauge, "1 while a document cannot be served.", labels,
              uint64_t{!state->damage.ok()});
    page->Add("modelref_document_unrepresentable_records", kGauge,
              "Records of the source that cannot be represented.", labels,
              uint64_t{state->problems.size()});
  }
}

void CollectWatch(const WatchHub::Statistics& statistics, MetricsPage* page) {
  page->Add("modelref_watch_streams", kGauge, "Watch streams open now.", {}, statistics.sessions);
  page->Add("modelref_watch_streams_opened_total", kCounter, "Watch streams opened.", {},
            statistics.sessions_total);
  page->Add("modelref_watch_messages_total", kCounter, "Messages handed out.", {},
            statistics.messages);
  page->Add("modelref_watch_cuts_encoded_total", kCounter, "Cuts encoded.", {},
            statistics.cuts_encoded);
  page->Add("modelref_watch_cuts_shared_total", kCounter, "Cuts sent as another stream has them.",
            {}, statistics.cuts_shared);
  page->Add("modelref_watch_events_total", kCounter, "Events told.", {}, statistics.events);
  page->Add("modelref_watch_events_folded_total", kCounter,
            "Events told that stand for several transactions.", {}, statistics.folded);
  for (size_t kind = v1::RESUME_KIND_EXACT; kind < statistics.resumes.size(); ++kind) {
    page->Add("modelref_watch_resumes_total", kCounter, "Streams continued, by how.",
              {{"kind", v1::ResumeKind_Name(static_cast<v1::ResumeKind>(kind))}},
              statistics.resumes[kind]);
  }
  for (size_t reason = v1::SNAPSHOT_REASON_INITIAL; reason < statistics.snapshots.size();
       ++reason) {
    page->Add("modelref_watch_snapshots_total", kCounter, "Snapshots begun, by reason.",
              {{"reason", v1::SnapshotReason_Name(static_cast<v1::SnapshotReason>(reason))}},
              statistics.snapshots[reason]);
  }
}

void CollectProjector(const Projector::Status& status, uint64_t head, MetricsPage* page) {
  page->Add("modelref_projector_holder", kGauge, "1 while this process writes the files.", {},
            uint64_t{status.is_holder});
  if (!status.is_holder) return;  // Another process knows the rest.
  for (const Projector::Projection& projection : status.projections) {
    const MetricLabels labels = {{"projection", projection.name}};
    page->Add("modelref_projection_lag_events", kGauge, "Event ids that are not written yet.",
              labels, head - std::min(head, projection.position));
    page->Add("modelref_projection_failures_total", kCounter, "Attempts that failed.", labels,
              projection.failures);
    page->Add("modelref_projection_failing", kGauge, "1 while it cannot be written.", labels,
              uint64_t{!projection.failure.ok()});
  }
  page->Add("modelref_file_rewrites_total", kCounter, "Category files rewritten.", {},
            status.files.rewrites);
  page->Add("modelref_file_rewrite_failures_total", kCounter, "Rewrites that failed.", {},
            status.files.failures);
  page->Add("modelref_file_written_bytes_total", kCounter, "Bytes of rewritten files.", {},
            status.files.written_bytes);
  page->Add("modelref_file_displaced_total", kCounter,
            "Edits that a rewrite found in its place and kept.", {}, status.files.displaced);
  page->Add("modelref_file_waiting", kGauge, "Category files that wait to be rewritten.", {},
            status.files.waiting);
}

}  // namespace modelref

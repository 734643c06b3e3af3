#pragma once

// What each part of the server shows on /metrics. Each function adds its families to a page; the
// server registers them with the parts bound.

#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "service/metrics.h"
#include "service/metrics_process.h"
#include "service/rpc/rpc_server.h"
#include "service/store/projector.h"
#include "service/store/root.h"
#include "service/watch/watch_hub.h"

namespace modelref {

// modelref_build_info, modelref_start_time_seconds.
void CollectBuild(absl::string_view version, absl::Time start_time, MetricsPage* page);

// modelref_process_*: memory, processor time, descriptors, threads.
void CollectProcess(const ProcessNumbers& numbers, MetricsPage* page);

// modelref_rpc_*: calls by method and code, latency, bytes, streams, the executor's queue.
void CollectRpc(const RpcServerStats& stats, MetricsPage* page);

// modelref_backend_*: fetches, hits, misses, errors, bytes and latency by backend.
void CollectBackends(const std::vector<BackendStatistics>& backends, MetricsPage* page);

// modelref_store_*, modelref_document_*: revision, models, sizes and states.
void CollectStore(const Root& root, MetricsPage* page);

// modelref_watch_*: streams and messages.
void CollectWatch(const WatchHub::Statistics& statistics, MetricsPage* page);

// modelref_projection_*, modelref_file_*: what is written behind the commits, and how far behind a
// head.
void CollectProjector(const Projector::Status& status, uint64_t head, MetricsPage* page);

}  // namespace modelref

#pragma once

#include <atomic>
#include <cstdint>

#include "backends/base/executor.h"
#include "backends/base/mutex.h"
#include "service/rpc/method_entry.h"
#include "service/rpc/method_stats.h"
#include "service/rpc/queue.h"
#include "service/rpc/raw_service.h"
#include "service/rpc/server_options.h"

namespace modelref {

// One method while the server runs.
struct Method {
  const MethodEntry* entry = nullptr;
  int index = 0;  // In RawService.
  MethodCounters counters;
};

// What all calls of a server share. Outlives them.
struct ServerState {
  const RpcServerOptions* options = nullptr;
  Executor* executor = nullptr;
  RawService service;
  WriteGauges write_gauges;
  std::atomic<bool> draining{false};
  std::atomic<int64_t> calls_open{0};    // Begun and not gone, of any kind.
  std::atomic<int64_t> streams_open{0};  // Of these, the streams that are served.
  std::atomic<uint64_t> streams_refused{0};
  std::atomic<uint64_t> calls_not_admitted{0};
  std::atomic<int64_t> admissions_waiting{0};
  std::atomic<uint64_t> streams_revoked{0};
  std::atomic<uint64_t> slow_calls{0};
  std::atomic<uint64_t> memory_refusals{0};
  std::atomic<bool> memory_short{false};
  // Open streams but for those that are served while draining.
  std::atomic<int64_t> streams_to_drain{0};
  Mutex drained_mutex;
  CondVar drained;  // Signalled when the last of them ends while the server drains.
};

}  // namespace modelref

#pragma once

// grpc.health.v1 over service/rpc, with the semantics of gRPC's own health service: "" is the whole
// server, an unknown name is NOT_FOUND for Check and SERVICE_UNKNOWN for Watch, whose stream stays
// open in case the name appears.

#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "backends/base/mutex.h"
#include "grpc/health/v1/health.pb.h"
#include "service/rpc/method_table.h"

namespace modelref {

// The serving status of each service name. Starts with "" as NOT_SERVING: a server says when it is
// ready. Thread-safe.
class HealthBoard {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
  using ListenerId = uint64_t;

  HealthBoard();

  // Adds or changes a name and wakes its listeners if its status changed. After Close() it changes
  // nothing.
  void Set(absl::string_view service, bool serving);
  // The same for every known name.
  void SetAll(bool serving);
  // SetAll(false) for good: a draining server never turns healthy again.
  void Close();

  // SERVICE_UNKNOWN for a name that was never set.
  Status Get(absl::string_view service) const;
  // Every known name with its status.
  std::map<std::string, bool> Snapshot() const;

  // `waker` is used after each change of the status of `service`, known or not yet.
  ListenerId AddListener(absl::string_view service, Waker waker);
  void RemoveListener(ListenerId id);

 private:
  struct Listener {
    std::string service;
    Waker waker;
  };
  void SetLocked(const std::string& service, bool serving) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, bool> services_ ABSL_GUARDED_BY(mutex_);
  std::map<ListenerId, Listener> listeners_ ABSL_GUARDED_BY(mutex_);
  ListenerId next_listener_ ABSL_GUARDED_BY(mutex_) = 1;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// Registers Check and Watch. `board` must outlive the server. Names longer than 200 bytes are
// INVALID_ARGUMENT SERVICE_NAME_TOO_LONG. A Watch sends the present status, then the latest one
// after each change (changes that a slow reader missed are not replayed), stays open while the
// server drains and ends with UNAVAILABLE when it stops.
void RegisterHealthService(MethodTable* methods, HealthBoard* board);

}  // namespace modelref

#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "modelref/v1/watch.grpc.pb.h"

namespace modelref::testing {

// Many Watch streams of one category over few connections, all on one thread. Each does what a good
// client does: it follows every event and continues from its last token where it is told to go.
// Thread-safe.
class WatchCrowd {
 public:
  struct Counts {
    size_t open = 0;                              // Streams that are open now.
    size_t drained = 0;                           // Ends with OK behind a Drain.
    size_t exact = 0, coalesced = 0, resync = 0;  // How streams were continued.
    size_t gaps = 0;                              // Events that do not follow the one before.
    std::string first_gap;                        // What it was.
    std::map<std::string, size_t> refusals;       // Attempts that failed, by what was said.
    std::map<std::string, size_t> broken;  // Open streams that ended without a Drain, likewise.
    uint64_t behind = 0;  // The lowest revision of the document that any stream knows.
  };

  // Opens the streams at the present, 100 for each connection.
  WatchCrowd(const std::string& address, std::string category, size_t streams);
  // Cancels what is open.
  ~WatchCrowd();
  WatchCrowd(const WatchCrowd&) = delete;
  WatchCrowd& operator=(const WatchCrowd&) = delete;

  // Where streams that have ended or will end go on; empty: they wait.
  void GoOnAt(const std::string& address) ABSL_LOCKS_EXCLUDED(mutex_);
  Counts counts() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Stream;

  void Run();
  void Begin(Stream* stream);
  void OnComplete(Stream* stream, bool ok);
  void OnMessage(Stream* stream) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnEvent(Stream* stream, const v1::WatchEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnEnd(Stream* stream) ABSL_LOCKS_EXCLUDED(mutex_);
  void BeginWaiting() ABSL_LOCKS_EXCLUDED(mutex_);
  v1::WatchService::Stub* StubOf(const Stream& stream);

  const std::string category_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::atomic<bool> stopping_{false};
  // The rest but for what the mutex guards is of the thread.
  grpc::CompletionQueue queue_;
  std::string address_;
  std::map<std::pair<std::string, size_t>, std::unique_ptr<v1::WatchService::Stub>> stubs_;
  std::chrono::steady_clock::time_point looked_at_;  // For streams that wait.
  size_t under_way_ = 0;                             // Operations that have not come back.
  mutable Mutex mutex_;
  std::string next_address_ ABSL_GUARDED_BY(mutex_);
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace modelref::testing

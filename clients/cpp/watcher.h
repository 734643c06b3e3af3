#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "clients/cpp/watch_cut.h"
#include "clients/cpp/watch_status.h"
#include "modelref/v1/watch.pb.h"

namespace modelref {

class Client;

struct WatcherOptions {
  // Which documents. Default: all of the canonical format.
  v1::WatchFilter filter;
  // What events carry. Default: NOTIFY.
  v1::Payload payload = v1::PAYLOAD_UNSPECIFIED;
  uint32_t max_inline_bytes = 0;  // 0: the server's default.
  // Documents that the caller holds already: they are told only when they differ.
  std::vector<v1::KnownDocumentState> known;
  std::string client_id;  // For logs of the server; at most 128 bytes.

  // Called in order on the watcher's own thread; whichever is not set is not called. While one runs
  // no message is taken, and the server is held back.
  //
  // Something changed, or nothing did up to a revision (a bookmark). The first cut is the whole
  // state as differences to `known`; `documents` is the state after the cut.
  std::function<void(const WatchCut& cut, const WatchedDocuments& documents)> on_cut;
  // A document became stale or fresh again; its content did not change.
  std::function<void(const v1::Freshness& freshness)> on_freshness;
  // The state of the watch changed, a stream ended or a poll was made.
  std::function<void(const WatchStatus& status)> on_status;

  WatchTiming timing;
  Clock* clock = nullptr;          // Null: MonotonicClock(). Must outlive the watcher.
  std::function<double()> random;  // From [0, 1); null: the system's. Called on one thread.
};

// Is told by a server which documents changed, for as long as it lives: it resumes broken streams
// where they were, asks for the whole state when something was missed or does not add up, and polls
// while no stream holds (DESIGN 8, streaming.md 3.8). It never gives up; status() says what is
// wrong.
//
// Thread-safe. The client must outlive it.
class Watcher {
 public:
  // Begins to connect on a thread of its own.
  Watcher(Client* client, WatcherOptions options);
  // Ends the stream and waits for the callback that runs, if any; none is called afterwards. A
  // callback may destroy its own watcher, as its last act.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  WatchStatus status() const;
  // How long ago the state was last known to be the newest; InfiniteDuration: never yet.
  absl::Duration age() const;
  // Waits until the watch is in this state, `timeout` at most; whether it is.
  bool WaitForState(SyncState state, absl::Duration timeout) const;

 private:
  class Core;

  std::shared_ptr<Core> core_;
};

}  // namespace modelref

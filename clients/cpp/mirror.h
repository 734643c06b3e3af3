#pragma once

// A copy of documents in this process, kept current by a watch.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/mirror_copy.h"
#include "clients/cpp/mirror_saver.h"
#include "clients/cpp/watch_status.h"
#include "modelref/v1/watch.pb.h"

namespace modelref {

class Client;

struct MirrorOptions {
  // Which documents. Default: all of the canonical format.
  v1::WatchFilter filter;
  // Where a copy is kept on disk (mirror_directory.h); made when absent. Empty: in memory only. At
  // the start it is verified and shown; a file that is damaged is told to on_problem and fetched
  // anew. One process writes a folder; further ones read it, follow the server all the same, and
  // take over when the writer ends.
  std::string directory;
  // How many documents are fetched at the same time.
  int fetch_threads = 2;
  // The largest document; a larger one is an error of its own (`DOCUMENT_TOO_LARGE`).
  size_t max_document_bytes = size_t{512} << 20;
  std::string client_id;  // For logs of the server; at most 128 bytes.
  WatchTiming timing;

  // Callbacks, each in order on one thread; whichever is not set is not called. None may destroy
  // the mirror, flush it or wait for it.
  //
  // What is shown of a document changed; null: it does not exist any more. Of several changes in a
  // row only the last may be told.
  std::function<void(const DocumentKey& key, const MirrorCopyPtr& copy)> on_change;
  // A document was written to the directory, or removed from it.
  std::function<void(const MirrorSaved& saved)> on_saved;
  // A file that was refused, a folder that cannot be written: what and why. The mirror goes on.
  std::function<void(const absl::Status& problem)> on_problem;
};

struct MirrorStatus {
  // SYNCED only when the watch is and every document is the newest; DEGRADED as the watch.
  SyncState state = SyncState::kStale;
  // How long ago everything shown was last known to be the newest, over restarts of the process;
  // InfiniteDuration: never.
  absl::Duration age = absl::InfiniteDuration();
  size_t documents = 0;  // Shown.
  size_t pending = 0;    // Known to differ from what is shown.
  // Of the pending ones, those whose last fetch failed, and why.
  std::map<DocumentKey, absl::Status> failures;
  // How many fetches of each of these failed in a row.
  std::map<DocumentKey, int> failed_fetches;
  absl::Status last_error;  // Of the watch, or else of a fetch, or else of writing; OK: none.
  // Documents that the server calls stale: it shows the last good content of their source.
  std::set<DocumentKey> stale;
  WatchStatus watch;
  uint64_t dropped = 0;     // Fetched documents that were outdated when they came.
  uint64_t mismatches = 0;  // Deltas whose outcome did not have its etag.
  bool writable = false;    // This process writes the directory.
};

// What a mirror shows at one moment. Immutable.
using MirrorView = std::map<DocumentKey, MirrorCopyPtr>;

// Shows whole documents only, each verified by its etag: small changes come with the watch, larger
// ones by GetDelta, the rest by StreamCategory. A document never goes back to an older state. While
// no server answers the last good copies are shown, with their age.
//
// Thread-safe. The client must outlive it.
class Mirror {
 public:
  // Returns when the directory was read; nothing was asked of the server yet.
  //   INVALID_ARGUMENT (`BAD_FETCH_THREADS`)
  //   otherwise  the directory can neither be made nor read.
  static absl::StatusOr<std::unique_ptr<Mirror>> Open(Client* client, MirrorOptions options);
  // Ends the watch and the fetches, and writes what is left to the directory.
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  // Everything that is shown, of one moment. What one commit changed in several documents and came
  // with the watch appears in one step.
  std::shared_ptr<const MirrorView> view() const;
  // One document; null when there is none (yet).
  MirrorCopyPtr Find(const DocumentKey& key) const;

  MirrorStatus status() const;
  // Waits until the mirror is SYNCED, `timeout` at most; whether it is.
  bool WaitUntilSynced(absl::Duration timeout) const;
  // Writes to the directory what waits to be written. OK without a directory.
  //   ABORTED (`COPY_IN_USE`)  another process writes it.
  absl::Status Flush();

 private:
  class Core;
  explicit Mirror(std::unique_ptr<Core> core);

  std::unique_ptr<Core> core_;
};

}  // namespace modelref

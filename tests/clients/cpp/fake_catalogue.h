#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "backends/base/mutex.h"
#include "clients/cpp/mirror_document.h"
#include "tests/clients/fake_server.h"

namespace modelref::testing {

// Records as name and canonical JSON.
using Records = std::vector<std::pair<std::string, std::string>>;

// A right server of v2 documents in memory, with a history: it answers Watch (with tokens and
// inline deltas), GetHead, StreamCategory and GetDelta. A test makes it wrong, slow or silent.
// Thread-safe. Must outlive the servers of its handlers.
class FakeCatalogue {
 public:
  FakeCatalogue() = default;

  FakeHandlers Handlers();

  // Changes a document, which is created when absent, as one transaction.
  void Commit(const std::string& category, const std::vector<std::string>& deletes,
              const Records& upserts);
  void Remove(const std::string& category);
  // Another history with the same documents.
  void StartEpoch(const std::string& epoch);
  MirrorDocumentPtr Document(const std::string& category) const;
  uint64_t revision() const;

  struct Faults {
    bool inline_deltas = true;
    bool tokens = true;           // Without, streams are continued by snapshots.
    bool tokens_refused = false;  // Every token is answered with RESYNC.
    bool deltas = true;           // Without, GetDelta answers UNIMPLEMENTED.
    bool silent = false;          // Streams tell nothing.
    // Each counts down, and lies once per count.
    int wrong_inline_deltas = 0;
    int wrong_deltas = 0;
    int lost_cuts = 0;
    // Fetches read their state, then wait until this is false again.
    bool hold_fetches = false;
    absl::Status fetch_error;  // Of fetches, when not OK.
    int fetch_errors = -1;     // Of so many; -1: of all.
  };
  void Set(const Faults& faults);
  // Ends the streams that are open.
  void BreakStreams();

  struct Counts {
    int streams = 0;
    int snapshots = 0;  // Sent whole.
    int resumes = 0;    // Continued by a token.
    int deltas = 0;     // GetDelta that gave a delta.
    int transfers = 0;  // StreamCategory.
    int held_now = 0;   // Fetches that wait.
  };
  Counts counts() const;
  // Waits until `count` fetches wait; false when the deadline passes first.
  bool WaitForHeld(int count);

 private:
  struct State {
    MirrorDocumentPtr document;
    uint64_t mod_revision = 0;
  };
  struct Step {
    uint64_t revision = 0;
    std::string category;
    bool removed = false;
    uint64_t prev_mod_revision = 0;
    std::string prev_etag;
    std::string etag;
    std::vector<std::string> deletes;
    Records upserts;
  };

  absl::Status Watch(const v1::WatchRequest& request, grpc::ServerContext& context,
                     grpc::ServerWriter<v1::WatchResponse>& writer);
  std::vector<v1::WatchResponse> Opening(const v1::WatchRequest& request, uint64_t* cursor)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<v1::WatchResponse> Snapshot(const v1::StartSnapshot& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::WatchResponse CutOf(const Step& step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::WatchResponse Message(uint64_t revision, bool with_token) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string DigestLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Stream(const v1::StreamCategoryRequest& request,
                      grpc::ServerWriter<v1::StreamCategoryResponse>& writer);
  absl::Status Delta(const v1::GetDeltaRequest& request,
                     grpc::ServerWriter<v1::GetDeltaResponse>& writer);
  absl::Status HoldFetch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::string epoch_ ABSL_GUARDED_BY(mutex_) = std::string(16, 'e');
  uint64_t revision_ ABSL_GUARDED_BY(mutex_) = 100;
  std::map<std::string, State> documents_ ABSL_GUARDED_BY(mutex_);
  std::vector<Step> history_ ABSL_GUARDED_BY(mutex_);
  Faults faults_ ABSL_GUARDED_BY(mutex_);
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  int generation_ ABSL_GUARDED_BY(mutex_) = 0;  // Of streams: an older one ends.
};

}  // namespace modelref::testing

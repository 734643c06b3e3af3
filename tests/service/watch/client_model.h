#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "modelref/v1/watch.pb.h"
#include "tests/service/watch/commit_log.h"
#include "tests/service/watch/validators.h"

namespace modelref::testing {

// A client that does what the protocol says and holds nothing else: it applies complete cuts,
// follows deltas, and reads a document only when it is told to. Single-threaded.
class ClientModel {
 public:
  struct Copy {
    uint64_t mod_revision = 0;
    Etag etag = Sha256("");
    std::vector<std::pair<std::string, std::string>> records;
  };

  // Reads go to `log`, at the revision of the cut. Without a snapshot the client begins with the
  // state of Created. `copies` is what the client holds from before.
  ClientModel(const CommitLog& log, std::set<DocumentKey> watched,
              std::map<DocumentKey, Copy> copies = {})
      : log_(log), watched_(std::move(watched)), copies_(std::move(copies)) {}

  // Returns what the client finds wrong with the message.
  Violations Apply(const v1::WatchResponse& message);
  // How the client's state differs from the log at its revision; only between messages that
  // complete something.
  Violations Compare() const;

  bool complete() const { return !in_snapshot_ && !in_cut_; }
  bool opened() const { return opened_; }
  uint64_t revision() const { return revision_; }
  const std::map<DocumentKey, Copy>& copies() const { return copies_; }
  const std::set<DocumentKey>& stale() const { return stale_; }
  size_t deltas() const { return deltas_; }  // Followed so far.
  size_t reads() const { return reads_; }    // Of whole documents.

 private:
  void ApplyFreshness(const v1::WatchResponse& message, Violations* found);
  void ApplyEvent(const v1::WatchEvent& event, Violations* found);
  bool FollowDelta(const v1::WatchEvent& event, Copy* copy);
  void Read(const DocumentKey& key, Copy* copy);

  const CommitLog& log_;
  const std::set<DocumentKey> watched_;
  std::map<DocumentKey, Copy> copies_;
  std::set<DocumentKey> stale_;
  std::vector<v1::WatchEvent> parts_;
  uint64_t revision_ = 0;
  bool opened_ = false;
  bool in_snapshot_ = false;
  bool in_cut_ = false;
  size_t deltas_ = 0;
  size_t reads_ = 0;
};

}  // namespace modelref::testing

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "modelref/v1/watch.pb.h"

namespace modelref::testing {

// What a right server would send on Watch streams: it knows documents and revisions. Tests break
// its messages. All documents are of format v2; an etag is 32 times one letter. Single-threaded.
class ServerModel {
 public:
  explicit ServerModel(std::string epoch = std::string(16, 'e')) : epoch_(std::move(epoch)) {}

  const std::string& epoch() const { return epoch_; }
  uint64_t revision() const { return revision_; }
  std::string Digest() const;
  // "token 12" for the present revision.
  std::string Token() const;

  // Sets a document without telling anybody.
  void Set(const std::string& category, char etag);
  void Remove(const std::string& category);
  // The same store after a restore: revisions and epoch are others, the documents stay.
  void StartEpoch(std::string epoch, uint64_t revision);

  v1::WatchResponse Created(v1::ResumeKind resume = v1::RESUME_KIND_UNSPECIFIED) const;
  // Begin, one message per document that is not in `known` with its etag, end.
  std::vector<v1::WatchResponse> Snapshot(
      v1::SnapshotReason reason = v1::SNAPSHOT_REASON_INITIAL,
      const v1::StartSnapshot& known = v1::StartSnapshot()) const;
  // Created and Snapshot.
  std::vector<v1::WatchResponse> Opening(
      const v1::StartSnapshot& known = v1::StartSnapshot()) const;
  // Changes a document; the message that tells it.
  v1::WatchResponse Change(const std::string& category, char etag);
  v1::WatchResponse Delete(const std::string& category);
  v1::WatchResponse Bookmark() const;
  v1::WatchResponse Drain(double min_seconds, double max_seconds) const;
  v1::WatchResponse Stale(const std::string& category, bool stale = true) const;

  v1::GetHeadResponse Head() const;

 private:
  struct Document {
    std::string etag;
    uint64_t mod_revision;
  };

  v1::WatchResponse Message(bool with_token) const;
  v1::WatchEvent EventFor(const std::string& category) const;

  std::string epoch_;
  uint64_t revision_ = 10;
  std::map<std::string, Document> documents_;
};

// 32 times `letter`.
inline std::string EtagOf(char letter) { return std::string(32, letter); }

}  // namespace modelref::testing

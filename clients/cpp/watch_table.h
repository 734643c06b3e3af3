#pragma once

// The state of the watched documents as a stream of cuts builds it up. Internal to clients/cpp.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cpp/watch_cut.h"

namespace modelref {

// Reasons of DATA_LOSS: a stream that cannot be right. The watch begins anew.
inline constexpr char kBrokenSequence[] = "BROKEN_SEQUENCE";
inline constexpr char kBrokenChain[] = "BROKEN_CHAIN";
inline constexpr char kDigestMismatch[] = "DIGEST_MISMATCH";

// A document as the request of a stream named it.
struct NamedDocument {
  DocumentKey key;
  std::string etag;
};

absl::Status BrokenWatch(absl::string_view reason, absl::string_view message);

// What is known about the documents of a filter, checked step by step. A step that fails a check
// changes nothing. Single-threaded.
class WatchTable {
 public:
  explicit WatchTable(v1::WatchFilter filter) : filter_(std::move(filter)) {}

  const v1::WatchFilter& filter() const { return filter_; }
  const WatchedDocuments& documents() const { return documents_; }
  // True when every document of the filter is known, so that digests can be compared.
  bool complete() const { return complete_; }
  // The epoch and revision of the state; empty and 0 at first.
  const std::string& epoch() const { return epoch_; }
  uint64_t revision() const { return revision_; }
  std::string Digest() const { return DigestOf(documents_); }

  // A document that the client holds from elsewhere; nothing else is known about it.
  void Remember(const DocumentKey& key, const std::string& etag);

  // Changes after this position follow. Its epoch is the one before, or descends from it.
  void Continue(const std::string& epoch, uint64_t revision) {
    epoch_ = epoch;
    revision_ = revision;
  }

  // The events of one whole cut.
  //   DATA_LOSS (`BROKEN_SEQUENCE`, `BROKEN_CHAIN`)
  absl::Status ApplyChanges(const v1::ResponseHeader& header,
                            const std::vector<v1::WatchEvent>& events);
  // Nothing changed up to the header's revision.
  //   DATA_LOSS (`BROKEN_SEQUENCE`, `DIGEST_MISMATCH`)
  absl::Status ApplyBookmark(const v1::ResponseHeader& header, absl::string_view digest);
  // The whole state: the entries, and the documents whose etag is what the client had named. An
  // empty digest is not compared. Returns what differs from the state before.
  //   DATA_LOSS (`BROKEN_SEQUENCE`, `DIGEST_MISMATCH`)
  absl::StatusOr<std::vector<v1::WatchEvent>> ApplySnapshot(
      const v1::ResponseHeader& header, const std::vector<v1::WatchEvent>& entries,
      const std::vector<NamedDocument>& unchanged, absl::string_view digest);

 private:
  absl::StatusOr<DocumentKey> CheckEvent(const v1::WatchEvent& event) const;
  absl::Status CheckHeader(const v1::ResponseHeader& header) const;
  absl::Status CheckStep(const DocumentKey& key, const v1::WatchEvent& event,
                         uint64_t revision) const;
  bool Holds(const DocumentKey& key, absl::string_view etag) const;
  WatchedDocument Unchanged(const NamedDocument& named) const;

  const v1::WatchFilter filter_;
  WatchedDocuments documents_;
  std::map<DocumentKey, uint64_t> deleted_;  // By the revision of the delete.
  bool complete_ = false;
  std::string epoch_;
  uint64_t revision_ = 0;
};

}  // namespace modelref

#pragma once

// What a watch tells: which documents changed, from one consistent state to the next.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/document_key.h"
#include "modelref/v1/watch.pb.h"

namespace modelref {

// What a watch knows about one document.
struct WatchedDocument {
  std::string etag;  // 32 bytes.
  // The revision of its last change; unset when only its etag is known.
  std::optional<uint64_t> mod_revision;
  uint64_t size_bytes = 0;   // 0 when not known.
  uint64_t model_count = 0;  // 0 when not known.
};
using WatchedDocuments = std::map<DocumentKey, WatchedDocument>;

// A step to the state at one revision: whoever has applied all steps so far holds exactly the
// state of the watched documents at `header.revision`.
struct WatchCut {
  enum class Kind {
    kChanges,   // Some documents changed.
    kSnapshot,  // The whole state was sent; `events` are the differences to what was known.
    kBookmark,  // Nothing changed up to the revision; no events.
    kPolled,    // The whole state was asked for because no stream holds; events as for a snapshot.
  };
  Kind kind = Kind::kChanges;
  v1::ResponseHeader header;  // Epoch, revision and node that the state is of.
  // Continues a watch of the same filter after this cut; empty when the server gave none.
  std::string resume_token;
  v1::SnapshotReason reason = v1::SNAPSHOT_REASON_UNSPECIFIED;  // Of a snapshot.
  // One event per changed document. Deletes are explicit; those found by a snapshot have no
  // revision.
  std::vector<v1::WatchEvent> events;
};

// The key of an event or a freshness; none when its format is not one of the contract.
std::optional<DocumentKey> KeyOf(absl::string_view category, v1::Format format);

// True when the filter names the category, by whatever name, or none.
bool NamesCategory(const v1::WatchFilter& filter, absl::string_view category);

// True when a watch of this filter is about the document. A filter without formats, or with the
// canonical one unnamed, may be about either.
bool MatchesFilter(const v1::WatchFilter& filter, const DocumentKey& key);

// The digest of a set of documents as the server computes it: 16 bytes.
std::string DigestOf(const WatchedDocuments& documents);

}  // namespace modelref

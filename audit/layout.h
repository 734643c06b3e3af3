#pragma once

// Where the audit trail keeps what: `<root>/<domain>/<category>/audit-NNNNNN.jsonl` and
// `<root>/index.json`, as the original has them. A domain is a format, and the segments of one
// domain and category are a series.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/digest.h"
#include "backends/base/document_key.h"

namespace modelref {

inline constexpr uint32_t kLastAuditSegment = 999'999;

// "legacy" or "v2"; nullopt for anything else.
std::optional<Format> FormatOfDomain(absl::string_view domain);

// "v2/controlnet".
std::string AuditSeriesName(const DocumentKey& key);
// "audit-000001.jsonl".
std::string AuditSegmentName(uint32_t number);
// Nullopt for a name that we do not give.
std::optional<uint32_t> AuditSegmentNumber(absl::string_view name);

// The series below `root` in the order of their folders' names; none when there is no root.
// Folders that are no domain are skipped. Errors as StatFile.
absl::StatusOr<std::vector<DocumentKey>> ListAuditSeries(const std::string& root);

// The names of the files in the folder of a series that the original reads, in its order:
// everything that matches audit-*.jsonl. None when there is no folder. Errors as StatFile.
absl::StatusOr<std::vector<std::string>> ListAuditFiles(const std::string& folder);

// The numbers of those among them that are segments, ascending.
absl::StatusOr<std::vector<uint32_t>> ListAuditSegments(const std::string& folder);

// The newest line of ours in a series, and the hash that covers everything up to it.
struct AuditChainHead {
  DocumentKey key;
  Sha256Digest chain{};
  uint64_t last_event_id = 0;  // 0: there is no line of ours.
  bool operator==(const AuditChainHead&) const = default;
};

// The last id that index.json says was given away.
//   NOT_FOUND  there is none; DATA_LOSS  it cannot be read; otherwise as StatFile.
absl::StatusOr<uint64_t> ReadAuditIndex(const std::string& root);
// Durable on return. Errors as WriteFileDurably.
absl::Status WriteAuditIndex(const std::string& root, uint64_t last_event_id);

}  // namespace modelref

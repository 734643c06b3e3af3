#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "audit/chain.h"
#include "audit/line.h"
#include "backends/base/document_key.h"

namespace modelref {

// What is known about lines before the files are looked at.
struct AuditOffset {
  // Every event up to it is on disk in the segments; lines of later ones may be cut.
  uint64_t synced = 0;
  // Whether the event of a line will be appended again. A line of an event that is not known is
  // kept aside when it is cut. Empty: all are known.
  std::function<bool(const AuditSeal&)> knows;
};

// Where a series ends.
struct AuditSeriesEnd {
  uint32_t segment = 0;        // The newest one; 0: there is none.
  uint64_t size = 0;           // Of it.
  bool ours = false;           // It ends in a line of ours, or is empty: it can be continued.
  uint64_t last_event_id = 0;  // Of the newest line of ours; 0: there is none.
  uint64_t cut_bytes = 0;
  uint64_t cut_lines = 0;   // Complete ones among them.
  uint64_t kept_aside = 0;  // Of these, lines that are now in `<root>/unknown/`.
};

// Cuts what a broken write left at the end of a series: an incomplete last line of ours, and lines
// of ours behind `offset.synced`. What other programs wrote stays, and so does everything before
// it. `chain` goes on from there. Only for the one writer. Safe to repeat after any error. Errors
// as LogFile.
absl::StatusOr<AuditSeriesEnd> RecoverAuditSeries(const std::string& root, const DocumentKey& key,
                                                  const AuditOffset& offset, AuditChain* chain);

}  // namespace modelref

#pragma once

// The store's events as lines of the audit trail, as DESIGN 6 has it. Of the three entries that
// text_generation's legacy document has per model, only the base record's events have lines.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/segment_writer.h"
#include "backends/base/mutex.h"
#include "service/store/database.h"

namespace modelref {

// Writes behind the commits and heals itself: whatever an error or a crash left in the files, the
// next Advance goes on from what the caller has noted. `reader` is a connection to the store's
// database that nobody else uses meanwhile. Single-threaded but for Heads.
class AuditProjection {
 public:
  AuditProjection(std::string root, const SegmentWriter::Options& options);

  // Makes the files end at an offset that Advance returned, or that precedes the first event: cuts
  // what lies behind it, and writes again what is missing before it, as when the files were
  // removed. Lines that the database does not know, such as those of a history that a restored
  // backup replaced, are kept in `<root>/unknown/`.
  //   DATA_LOSS (STORE_DAMAGED)  an event makes no line; otherwise as SegmentWriter and Database.
  absl::Status Recover(Database& reader, uint64_t offset);

  // Appends the events after `from_event`, whole transactions, until there are `max_events` of them
  // or no more, and returns the id of the last one, or `from_event`. They are on disk then: note
  // the offset before the next call. Recovers first where that is needed. Errors as Recover.
  absl::StatusOr<uint64_t> Advance(Database& reader, uint64_t from_event, size_t max_events);

  // The end of every series as of the last Advance or Recover. Thread-safe.
  std::vector<AuditChainHead> Heads() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<uint64_t> Append(Database& reader, uint64_t from_event, size_t max_events);
  absl::Status AppendMissing(Database& reader, uint64_t offset);
  void PublishHeads() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string root_;
  SegmentWriter writer_;
  uint64_t offset_ = 0;  // What the files end at while the writer is ready.

  mutable Mutex mutex_;
  std::vector<AuditChainHead> heads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modelref

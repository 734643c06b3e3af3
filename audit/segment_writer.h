#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/chain.h"
#include "audit/event.h"
#include "audit/layout.h"
#include "audit/log_file.h"
#include "audit/series_recovery.h"

namespace modelref {

// What Recover did to the series together.
struct AuditRecovery {
  uint64_t cut_bytes = 0;
  uint64_t cut_lines = 0;
  uint64_t kept_aside = 0;
};

// Appends events to the segments of a trail. The files may have lines of other programs; two
// writers at once they must not have. Single-threaded.
//
// After an error of any method nothing may be appended until Recover succeeded; it repairs whatever
// the error left.
class SegmentWriter {
 public:
  struct Options {
    // Before an append a segment that has so many bytes is left for the next one.
    uint64_t max_segment_bytes = uint64_t{5} << 20;
    // How much waits in memory before it is written.
    size_t buffer_bytes = size_t{4} << 20;
  };

  SegmentWriter(std::string root, const Options& options)
      : root_(std::move(root)), options_(options) {}

  // Looks at the end of every series and cuts what is not known to be synced. Makes the root when
  // it is missing. Errors as LogFile.
  absl::StatusOr<AuditRecovery> Recover(const AuditOffset& offset);

  // Appends an event in its series; ids must ascend there, and one that the series already has is
  // skipped. `event.txn` and `event.time_us` must be set. Nothing is certain before Sync.
  //   FAILED_PRECONDITION  Recover has to be called first.
  //   ABORTED              another program wrote to the series.
  //   RESOURCE_EXHAUSTED   the disk is full, or the series has used up its numbers.
  //   otherwise as LogFile.
  absl::Status Append(const AuditEvent& event);

  // Everything appended is on disk on return, and index.json says that ids up to `last_given` are
  // given away: some have no line. Errors as Append.
  absl::Status Sync(uint64_t last_given = 0);

  // False: Recover has to be called.
  bool ready() const { return ready_; }
  // What Append has reached, per series, in the order of the folders.
  std::vector<AuditChainHead> Heads() const;
  // The newest event of a series in the files; 0: there is none.
  uint64_t LastEventId(const DocumentKey& key) const;

 private:
  struct Series {
    AuditSeriesEnd end;  // `size` without what is in the buffer.
    AuditChain chain;
    std::string buffer;
    std::optional<LogFile> file;  // Open while it has bytes that are not synced.
    bool folder_synced = false;
  };
  using SeriesMap = std::map<DocumentKey, std::unique_ptr<Series>>;

  absl::Status Guarded(absl::Status status);
  absl::Status AppendLine(const AuditEvent& event);
  absl::Status WriteBuffers();
  absl::Status Write(const DocumentKey& key, Series* series);
  absl::Status OpenForAppend(const DocumentKey& key, Series* series);
  absl::Status CreateSegment(const DocumentKey& key, Series* series);
  absl::Status SyncAll();
  absl::Status SyncFolders();
  absl::Status RaiseIndex();

  const std::string root_;
  const Options options_;
  bool ready_ = false;
  SeriesMap series_;
  size_t buffered_ = 0;
  uint64_t last_event_id_ = 0;  // The greatest one given away.
  uint64_t index_ = 0;          // What index.json says.
};

}  // namespace modelref

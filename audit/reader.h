#pragma once

// Reads a trail as the original does: domains, categories and segments in the order of their names,
// what cannot be read is skipped. Lines of ours and of other programs alike.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/event.h"

namespace modelref {

// Events that meet every condition. Empty lists and unset bounds ask for nothing; bounds belong to
// the range.
struct AuditFilter {
  std::vector<Format> domains;
  std::vector<std::string> categories;
  std::vector<std::string> model_names;
  std::optional<uint64_t> min_event_id;
  std::optional<uint64_t> max_event_id;
  std::optional<int64_t> min_timestamp;
  std::optional<int64_t> max_timestamp;
};

// What was seen on the way, whatever the filter asks of events.
struct AuditReadStats {
  uint64_t lines = 0;  // Without blank ones.
  uint64_t unreadable_lines = 0;
  uint64_t misplaced_lines = 0;  // Their domain or category is not that of their folder.
  uint64_t unreadable_files = 0;
  uint64_t max_event_id = 0;  // Of all lines that can be read.
  bool operator==(const AuditReadStats&) const = default;
};

// Returns false to end the reading.
using AuditVisitor = std::function<bool(const AuditEvent&)>;

// Visits the events of the trail at `root`, one line in memory at a time. No root, no events.
//   PERMISSION_DENIED, UNAVAILABLE  the folders cannot be listed.
absl::StatusOr<AuditReadStats> ReadAudit(const std::string& root, const AuditFilter& filter,
                                         const AuditVisitor& visit);

}  // namespace modelref

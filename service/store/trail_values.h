#pragma once

// What the audit trail says of each record by itself: its newest value and all that it ever had.
// A repair takes from it what a damaged database lost.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/document.h"

namespace modelref {

struct TrailValue {
  RecordPtr newest;       // Null: it was deleted, or what it became cannot be represented.
  uint64_t revision = 0;  // Of the transaction that led there; another program's event: its id.
  std::set<Etag> seen;    // Every value.
};

struct TrailDocument {
  std::map<std::string, TrailValue> records;  // Generated entries of text_generation included.
  std::vector<std::string> created;           // Names in the order of their (last) creation.
  uint64_t last_event_id = 0;
};

// Lines of other programs behind lines of ours are no history of this store and are left out.
// Errors as ReadAudit.
absl::StatusOr<std::map<DocumentKey, TrailDocument>> ReadTrailValues(const std::string& root);

}  // namespace modelref

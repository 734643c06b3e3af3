#pragma once

// Rebuilds documents from nothing but the trail.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/event.h"
#include "audit/reader.h"

namespace modelref {

struct ReplayedRecord {
  std::string name;
  std::string json;  // Canonical; what the original wrote may hold NaN and Infinity.
  bool operator==(const ReplayedRecord&) const = default;
};

struct ReplayedDocument {
  std::vector<ReplayedRecord> records;  // In the order of their creation.
  uint64_t last_event_id = 0;           // 0: no event.
  uint64_t applied_events = 0;          // Those without effect included.
  uint64_t missing_snapshots = 0;       // Updates whose record before is not known.
};

// One document while its events come in, in their order. An update keeps the record's place; a
// record that was deleted and created again is the last. Single-threaded.
class DocumentReplay {
 public:
  void Apply(const AuditEvent& event);
  ReplayedDocument Finish() &&;

 private:
  void Put(const std::string& name, std::string json);
  void Update(const AuditEvent& event);

  std::map<uint64_t, ReplayedRecord> records_;  // By place.
  std::unordered_map<std::string, uint64_t> places_;
  uint64_t next_place_ = 0;
  ReplayedDocument result_;  // But for the records.
};

struct AuditReplay {
  std::map<DocumentKey, ReplayedDocument> documents;  // "pending_queue" is one of them.
  AuditReadStats stats;
};

// Applies the events that match. Errors as ReadAudit.
absl::StatusOr<AuditReplay> ReplayAudit(const std::string& root, const AuditFilter& filter);

}  // namespace modelref

#pragma once

// What the audit trail of a directory says before our store is in it.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/replay.h"
#include "backends/document.h"

namespace modelref {

// A document as another program's events explain it.
struct AdoptedHistory {
  DocumentPtr document = Document::Empty();  // In the order of creation.
  uint64_t last_event_id = 0;                // 0: no event.
  absl::Time time = absl::UnixEpoch();       // Of that event.
  uint64_t unexplained = 0;                  // Records that we cannot represent, left out.
};

struct AdoptedTrail {
  std::map<DocumentKey, AdoptedHistory> documents;
  AuditReadStats stats;
};

// Whose lines are read: a trail may be as large as the whole history.
enum class AdoptedSeries { kAll, kOfKeys };

// Replays the trail at `root` for the documents of `keys`. text_generation's legacy document has
// the three entries of each base record. Errors as ReadAudit.
absl::StatusOr<AdoptedTrail> ReadAdoptedTrail(const std::string& root,
                                              const std::set<DocumentKey>& keys,
                                              AdoptedSeries series = AdoptedSeries::kAll);

// Null for a record that we cannot represent.
RecordPtr RecordOfReplay(const ReplayedRecord& record);
// The entries that readers get for a record of a document that has lines: itself, but for
// text_generation's legacy document the generated ones as well.
std::vector<RecordPtr> EntriesOf(const DocumentKey& key, const RecordPtr& record);

// What the newest parts of the trail say.
struct TrailHead {
  uint64_t last_event_id = 0;    // Of index.json and the last files.
  uint64_t foreign_lines = 0;    // Of other programs, behind lines of ours.
  uint64_t colliding_lines = 0;  // Those of them with an id that ours have given.
};

// Looks at index.json and the last file of each series only; none of them: zeros. An index that
// cannot be read counts as none. `newest`: the last id that we gave. Errors as ReadAudit.
absl::StatusOr<TrailHead> ReadTrailHead(const std::string& root, uint64_t newest);

}  // namespace modelref

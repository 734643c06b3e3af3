#pragma once

// What a document held, as far as a damaged database, the audit trail and its file tell together.

#include <cstdint>
#include <vector>

#include "backends/backend.h"
#include "service/store/file_base.h"
#include "service/store/trail_values.h"

namespace modelref {

// One document as a damaged database has it.
struct SalvagedDocument {
  bool known = false;
  Etag etag{};  // As it was stored.
  uint64_t mod_revision = 0;
  std::vector<Entry> entries;  // Those whose bytes have the etag they were stored with.
  RecordEtags file_base;       // Empty where it could not be read.

  // The entries are the whole document, in its order.
  bool IsExact() const;
};

struct RepairedContent {
  DocumentPtr document = Document::Empty();
  uint64_t from_trail = 0;  // Records and deletes that only the trail has.
  uint64_t from_file = 0;   // Records that only the file has: edited by hand, or lost elsewhere.
  uint64_t stale = 0;       // Records of the file that are older than what was committed.
  // What was committed last is proven to be there.
  bool is_exact = false;
};

// The newest value of each record that any of them has. The database comes before the trail, but
// for what the trail has of later transactions. A value of the file counts only when it is neither
// one that the record had before nor what the file held when we last wrote it; that the file lacks
// a record never counts. `file` may be null.
RepairedContent RepairContent(const SalvagedDocument& salvaged, const TrailDocument& trail,
                              const Document* file);

}  // namespace modelref

#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "service/store/database.h"
#include "service/store/root.h"

namespace modelref {

// Writes the content, the revision and the version of a document that has none yet, as `state` has
// them, inside the present transaction of the database: what another program's history explains and
// takes no event of ours. Descriptions of its source are not written.
absl::Status WriteAdoptedContent(Database& database, int64_t document, const DocumentState& state);

}  // namespace modelref

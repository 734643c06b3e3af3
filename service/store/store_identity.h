#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "service/store/database.h"
#include "service/store/root.h"

namespace modelref {

// How many forks a lineage remembers.
inline constexpr int kKeptForks = 16;

// Makes the database know itself and the documents of `keys`, in one transaction: a new one gets an
// epoch; one whose directory was copied or restored, which the inode and birth time of
// `<directory>/id` tell, begins a new epoch after its newest transaction. An empty directory: in
// memory.
absl::Status PrepareIdentity(Database& database, const std::string& directory,
                             const std::vector<DocumentKey>& keys);

// Begins a new epoch after the newest transaction, inside the present transaction of the database.
// Ids up to `base_revision` count as given and do not come again.
absl::Status ForkEpoch(Database& database, uint64_t base_revision);

}  // namespace modelref

#pragma once

// Who may touch the database of a store: everybody who uses it together, or one who repairs it.

#include <string>

#include "absl/status/statusor.h"
#include "service/store/file_lock.h"

namespace modelref {

// Under the folder of a store while its repair puts another database in place: the stamp that the
// kept files bear. Found later, the repair was interrupted there and the database is not whole.
inline constexpr char kRepairMarkerFile[] = "/repair.pending";

// Keeps repairs away for as long as it is held. `directory` exists.
//   UNAVAILABLE (STORE_BUSY)   the store is being repaired.
//   DATA_LOSS (STORE_DAMAGED)  a repair was interrupted and has to be run again.
//   otherwise as FileLock.
absl::StatusOr<FileLock> LockStoreToUse(const std::string& directory);

// Keeps everybody else away.
//   UNAVAILABLE (STORE_BUSY)  somebody uses the store.
//   otherwise as FileLock.
absl::StatusOr<FileLock> LockStoreToRepair(const std::string& directory);

}  // namespace modelref

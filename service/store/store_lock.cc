#include "service/store/store_lock.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

absl::Status Busy(const std::string& message) {
  return Error(absl::StatusCode::kUnavailable, "STORE_BUSY", message,
               {.retry_after = absl::Seconds(1)});
}

}  // namespace

absl::StatusOr<FileLock> LockStoreToUse(const std::string& directory) {
  ASSIGN_OR_RETURN(std::optional<FileLock> lock,
                   FileLock::Try(directory + kStoreLockFile, FileLock::Mode::kShared));
  if (!lock.has_value()) return Busy(absl::StrCat(directory, " is being repaired"));
  const absl::Status marker = StatFile(directory + kRepairMarkerFile).status();
  if (marker.ok()) {
    return Error(
        absl::StatusCode::kDataLoss, "STORE_DAMAGED",
        absl::StrCat(directory, ": a repair was interrupted; run modelrefctl store repair again"));
  }
  if (!absl::IsNotFound(marker)) return marker;
  return *std::move(lock);
}

absl::StatusOr<FileLock> LockStoreToRepair(const std::string& directory) {
  ASSIGN_OR_RETURN(std::optional<FileLock> lock,
                   FileLock::Try(directory + kStoreLockFile, FileLock::Mode::kExclusive));
  if (!lock.has_value()) {
    return Busy(absl::StrCat(directory, " is in use: stop every modelrefd that has it open"));
  }
  return *std::move(lock);
}

}  // namespace modelref

#include "service/store/files_in_place.h"

#include <cerrno>

#include "backends/base/status_macros.h"

namespace modelref {

absl::Status CheckSameFile(const std::string& path, const struct stat& open) {
  struct stat present;
  if (stat(path.c_str(), &present) == 0) {
    if (open.st_ino == present.st_ino && open.st_dev == present.st_dev) return absl::OkStatus();
    return absl::AbortedError(path + " was replaced by another file");
  }
  if (errno != ENOENT && errno != ENOTDIR) return absl::OkStatus();
  return absl::AbortedError(path + " was removed");
}

FilesInPlace::FilesInPlace(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    File file{path, {}};
    if (stat(path.c_str(), &file.open) == 0) files_.push_back(file);
  }
}

absl::Status FilesInPlace::Check() const {
  for (const File& file : files_) RETURN_IF_ERROR(CheckSameFile(file.path, file.open));
  return absl::OkStatus();
}

}  // namespace modelref

#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace modelref {

// Under the folder of a store: who writes the files that show it, one process at a time.
inline constexpr char kProjectorLockFile[] = "/projector.lock";
// Shared by everybody who has the store open to write, exclusive for its repair.
inline constexpr char kStoreLockFile[] = "/store.lock";

// A lock between processes, and between several holders of one process: flock(2) of a file, which
// is made when missing and stays. The system gives it back when the process dies, however it does.
// Thread-compatible.
class FileLock {
 public:
  enum class Mode { kShared, kExclusive };

  // Nullopt: somebody else holds it. Never waits. Errors as StatFile; RESOURCE_EXHAUSTED when the
  // disk is full.
  static absl::StatusOr<std::optional<FileLock>> Try(const std::string& path, Mode mode);
  ~FileLock();
  FileLock(FileLock&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(path_, other.path_);
    return *this;
  }

  // OK while the locked file stands at its path, or that cannot be told. ABORTED when it was
  // removed or replaced: others lock another file.
  absl::Status CheckInPlace() const;

 private:
  FileLock(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_;
  std::string path_;
};

}  // namespace modelref

#include "service/store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "backends/base/durable_file.h"
#include "service/store/files_in_place.h"

namespace modelref {

absl::StatusOr<std::optional<FileLock>> FileLock::Try(const std::string& path, Mode mode) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  FileLock lock(fd, path);
  const int operation = mode == Mode::kShared ? LOCK_SH : LOCK_EX;
  int result;
  do {
    result = flock(fd, operation | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return std::optional<FileLock>(std::move(lock));
  if (errno == EWOULDBLOCK) return std::optional<FileLock>();
  return ErrnoStatus(errno, "lock", path);
}

absl::Status FileLock::CheckInPlace() const {
  struct stat open;
  return fstat(fd_, &open) == 0 ? CheckSameFile(path_, open) : absl::OkStatus();
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace modelref

#include "audit/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"

namespace modelref {
namespace {

int FlagsOf(LogFile::Mode mode) {
  switch (mode) {
    case LogFile::Mode::kRead:
      // O_NONBLOCK: a FIFO must not hold the reader until somebody writes.
      return O_RDONLY | O_NONBLOCK;
    case LogFile::Mode::kAppend:
      return O_RDWR | O_APPEND | O_NONBLOCK;
    case LogFile::Mode::kCreate:
      return O_RDWR | O_APPEND | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace

absl::StatusOr<LogFile> LogFile::Open(const std::string& path, Mode mode) {
  const int fd = open(path.c_str(), FlagsOf(mode) | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": exists already"));
  }
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  LogFile file(path, fd);
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, ": is no regular file"));
  }
  return file;
}

LogFile::~LogFile() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<uint64_t> LogFile::Size() const {
  struct stat info;
  if (fstat(fd_, &info) != 0) return ErrnoStatus(errno, "fstat", path_);
  return static_cast<uint64_t>(info.st_size);
}

absl::StatusOr<size_t> LogFile::Read(uint64_t offset, char* buffer, size_t size) const {
  while (true) {
    const ssize_t count = pread(fd_, buffer, size, static_cast<off_t>(offset));
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return ErrnoStatus(errno, "read", path_);
  }
}

absl::Status LogFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write", path_);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status LogFile::Truncate(uint64_t size) {
  while (ftruncate(fd_, static_cast<off_t>(size)) != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, "truncate", path_);
  }
  return absl::OkStatus();
}

absl::Status LogFile::Sync() {
  if (fdatasync(fd_) != 0) return ErrnoStatus(errno, "fdatasync", path_);
  return absl::OkStatus();
}

}  // namespace modelref

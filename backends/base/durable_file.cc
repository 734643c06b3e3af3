#include "backends/base/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "backends/base/failpoint.h"
#include "backends/base/status_macros.h"
#include "backends/base/temporary_file.h"

namespace modelref {
namespace {

constexpr int kReadAttempts = 3;

// Closes on scope exit.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

FileVersion VersionOf(const struct stat& info) {
  return {absl::TimeFromTimespec(info.st_mtim), static_cast<uint64_t>(info.st_size),
          static_cast<uint64_t>(info.st_ino)};
}

absl::Status CheckRegular(const struct stat& info, const std::string& path) {
  if (S_ISREG(info.st_mode)) return absl::OkStatus();
  const char* kind = S_ISDIR(info.st_mode)    ? "a directory"
                     : S_ISFIFO(info.st_mode) ? "a FIFO"
                                              : "not a regular file";
  return absl::DataLossError(absl::StrCat(path, ": is ", kind, ", expected a regular file"));
}

absl::StatusOr<FileVersion> VersionOfOpen(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", path);
  RETURN_IF_ERROR(CheckRegular(info, path));
  return VersionOf(info);
}

absl::Status ReadAll(int fd, const std::string& path, uint64_t size, std::string* bytes) {
  bytes->resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t count = pread(fd, bytes->data() + done, size - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "read", path);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes->resize(done);
  return absl::OkStatus();
}

}  // namespace

absl::Status ErrnoStatus(int error, absl::string_view operation, absl::string_view path) {
  const std::string message =
      absl::StrCat(path, ": ", operation, ": ", std::generic_category().message(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    case EISDIR:
      return absl::DataLossError(message);
    default:
      return absl::UnavailableError(message);
  }
}

std::string ToString(const FileVersion& version) {
  return absl::StrCat(absl::ToUnixNanos(version.modified), ":", version.size, ":", version.inode);
}

absl::StatusOr<FileVersion> StatFile(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  RETURN_IF_ERROR(CheckRegular(info, path));
  return VersionOf(info);
}

absl::StatusOr<FileContent> ReadFile(const std::string& path, uint64_t max_bytes) {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    // O_NONBLOCK: a FIFO must not hold the reader until somebody writes.
    FileDescriptor fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (fd.get() < 0) return ErrnoStatus(errno, "open", path);
    ASSIGN_OR_RETURN(const FileVersion before, VersionOfOpen(fd.get(), path));
    if (before.size > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": ", before.size, " bytes, the limit is ", max_bytes));
    }
    FileContent content;
    RETURN_IF_ERROR(ReadAll(fd.get(), path, before.size, &content.bytes));
    ASSIGN_OR_RETURN(const FileVersion after, VersionOfOpen(fd.get(), path));
    if (before == after && content.bytes.size() == after.size) {
      content.version = after;
      return content;
    }
  }
  return absl::AbortedError(absl::StrCat(path, ": changes while it is read"));
}

absl::StatusOr<std::string> ReadFileToString(const std::string& path, uint64_t max_bytes) {
  ASSIGN_OR_RETURN(FileContent content, ReadFile(path, max_bytes));
  return std::move(content.bytes);
}

absl::Status SyncDirectory(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, "open", path);
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, "fsync", path);
  return absl::OkStatus();
}

absl::Status SyncDirectoryOf(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  return SyncDirectory(folder.empty() ? "." : folder);
}

absl::Status WriteFileDurably(const std::string& path, absl::string_view bytes) {
  ASSIGN_OR_RETURN(TemporaryFile temporary, TemporaryFile::Write(path, bytes));
  if (rename(temporary.path().c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, "rename", path);
  }
  temporary.Release();
  RETURN_IF_ERROR(FAILPOINT_STATUS("file.after_rename"));
  return SyncDirectoryOf(path);
}

absl::Status CreateDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), "create directory", path);
  return absl::OkStatus();
}

}  // namespace modelref

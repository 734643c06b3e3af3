#include "backends/base/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"

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

absl::Status WriteAll(int fd, const std::string& path, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write", path);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status WriteTemporary(const std::string& path, absl::string_view bytes) {
  FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (fd.get() < 0) return ErrnoStatus(errno, "create", path);
  RETURN_IF_ERROR(WriteAll(fd.get(), path, bytes));
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, "fsync", path);
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, "open", path);
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, "fsync", path);
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

absl::Status WriteFileDurably(const std::string& path, absl::string_view bytes) {
  static std::atomic<uint64_t> counter{0};
  const std::string temporary = absl::StrCat(path, ".tmp.", getpid(), ".", counter++);
  absl::Status status = WriteTemporary(temporary, bytes);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, "rename", path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return SyncDirectory(folder.empty() ? "." : folder);
}

absl::Status CreateDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), "create directory", path);
  return absl::OkStatus();
}

}  // namespace modelref

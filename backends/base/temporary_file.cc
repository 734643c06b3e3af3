#include "backends/base/temporary_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/durable_file.h"
#include "backends/base/failpoint.h"
#include "backends/base/mutex.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr absl::string_view kMark = ".tmp.";
// How many names are tried. A process that ended in a hurry leaves one file or two.
constexpr int kAttempts = 1000;

// Begins anywhere, so that a process does not meet the names of an earlier one of its number.
std::atomic<uint64_t>& Counter() {
  static auto* const counter = new std::atomic<uint64_t>(std::random_device()());
  return *counter;
}

// The temporary files of this process, so that it does not take them for left-overs of an earlier
// process of the same number (which a container gives to each).
class PathsInUse {
 public:
  static PathsInUse& Get() {
    static auto* const paths = new PathsInUse;
    return *paths;
  }
  void Add(const std::string& path) {
    MutexLock lock(&mutex_);
    paths_.insert(path);
  }
  void Remove(const std::string& path) {
    MutexLock lock(&mutex_);
    paths_.erase(path);
  }
  bool Has(const std::string& path) {
    MutexLock lock(&mutex_);
    return paths_.count(path) > 0;
  }

 private:
  Mutex mutex_;
  std::set<std::string> paths_ ABSL_GUARDED_BY(mutex_);
};

// Closes on scope exit.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { close(fd_); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

 private:
  const int fd_;
};

absl::Status WriteAll(int fd, const std::string& path, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write", path);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> InodeOf(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", path);
  return static_cast<uint64_t>(info.st_ino);
}

// Creates a file under a name that no other has. The descriptor is the caller's.
absl::StatusOr<int> Create(const std::string& target, std::string* path) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    *path = absl::StrCat(target, kMark, getpid(), ".new.", Counter()++);
    const int fd = open(path->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0) return fd;
    if (errno != EEXIST) break;
  }
  return ErrnoStatus(errno, "create", *path);
}

// Gives the created file the name that says its inode.
absl::StatusOr<std::string> NameByInode(const std::string& created, const std::string& target,
                                        uint64_t inode, std::optional<uint64_t> revision) {
  const std::string suffix = revision.has_value() ? absl::StrCat("r", *revision) : "";
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string path = absl::StrCat(target, kMark, getpid(), ".", inode, ".", Counter()++, suffix);
    status = RenameIfAbsent(created, path);
    if (status.ok()) return path;
    if (!absl::IsAlreadyExists(status)) break;
  }
  return status;
}

// Three ways to rename a file to a name that is free, the best first: 0 or the errno.
int RenameByFlag(const std::string& from, const std::string& to) {
  if (!FAILPOINT_STATUS("file.no_rename_flags").ok()) return EINVAL;
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
}

int RenameByLink(const std::string& from, const std::string& to) {
  if (!FAILPOINT_STATUS("file.no_links").ok()) return EPERM;
  if (link(from.c_str(), to.c_str()) != 0) return errno;
  unlink(from.c_str());
  return 0;
}

int RenameAfterLook(const std::string& from, const std::string& to) {
  struct stat info;
  if (lstat(to.c_str(), &info) == 0) return EEXIST;
  return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

bool IsUnsupported(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

absl::Status Fill(int fd, const std::string& path, absl::string_view bytes) {
  RETURN_IF_ERROR(WriteAll(fd, path, bytes));
  RETURN_IF_ERROR(FAILPOINT_STATUS("file.after_temp"));
  if (fsync(fd) != 0) return ErrnoStatus(errno, "fsync", path);
  return FAILPOINT_STATUS("file.after_fsync");
}

// "<n>" or "<n>r<revision>".
bool ParseCounter(absl::string_view text, std::optional<uint64_t>* revision) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, 'r');
  uint64_t number = 0;
  if (parts.size() > 2 || !absl::SimpleAtoi(parts[0], &number)) return false;
  if (parts.size() == 1) return true;
  if (!absl::SimpleAtoi(parts[1], &number)) return false;
  *revision = number;
  return true;
}

}  // namespace

TemporaryFile::TemporaryFile(std::string path) : path_(std::move(path)) {
  PathsInUse::Get().Add(path_);
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : path_(std::exchange(other.path_, std::string())) {}

TemporaryFile::~TemporaryFile() {
  if (path_.empty()) return;
  unlink(path_.c_str());
  Release();
}

void TemporaryFile::Release() {
  PathsInUse::Get().Remove(path_);
  path_.clear();
}

absl::StatusOr<TemporaryFile> TemporaryFile::Write(const std::string& target,
                                                   absl::string_view bytes,
                                                   std::optional<uint64_t> revision) {
  std::string path;
  ASSIGN_OR_RETURN(const int fd, Create(target, &path));
  const FileDescriptor closer(fd);
  TemporaryFile created(path);
  ASSIGN_OR_RETURN(const uint64_t inode, InodeOf(fd, path));
  ASSIGN_OR_RETURN(path, NameByInode(created.path(), target, inode, revision));
  TemporaryFile named(path);
  created.Release();
  RETURN_IF_ERROR(Fill(fd, path, bytes));
  return named;
}

std::optional<TemporaryName> ParseTemporaryName(absl::string_view name) {
  const size_t mark = name.rfind(kMark);
  if (mark == absl::string_view::npos || mark == 0) return std::nullopt;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(name.substr(mark + kMark.size()), '.');
  TemporaryName parsed;
  parsed.target = std::string(name.substr(0, mark));
  if (!absl::SimpleAtoi(parts[0], &parsed.pid) || parsed.pid <= 0) return std::nullopt;
  if (parts.size() < 3 || !ParseCounter(parts[2], &parsed.revision)) return std::nullopt;
  parsed.is_being_created = parts[1] == "new";
  parsed.is_old = parts.size() == 4 && parts[3] == "old";
  if (parts.size() != (parsed.is_old ? 4u : 3u)) return std::nullopt;
  if (parsed.is_being_created) return parsed.is_old ? std::nullopt : std::optional(parsed);
  if (!absl::SimpleAtoi(parts[1], &parsed.inode)) return std::nullopt;
  return parsed;
}

TemporaryKind KindOf(const TemporaryName& name, uint64_t inode) {
  if (name.is_being_created) return TemporaryKind::kPartial;
  return name.is_old || name.inode != inode ? TemporaryKind::kDisplaced : TemporaryKind::kPartial;
}

bool IsTemporaryInUse(const std::string& path) { return PathsInUse::Get().Has(path); }

absl::Status RenameIfAbsent(const std::string& from, const std::string& to) {
  int error = RenameByFlag(from, to);
  if (IsUnsupported(error)) error = RenameByLink(from, to);
  if (IsUnsupported(error)) error = RenameAfterLook(from, to);
  if (error == 0) return absl::OkStatus();
  if (error == EEXIST) return absl::AlreadyExistsError(absl::StrCat(to, ": exists"));
  return ErrnoStatus(error, "rename", from);
}

}  // namespace modelref

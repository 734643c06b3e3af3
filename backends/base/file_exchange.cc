#include "backends/base/file_exchange.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "backends/base/durable_file.h"
#include "backends/base/failpoint.h"
#include "backends/base/process_life.h"
#include "backends/base/status_macros.h"
#include "backends/base/temporary_file.h"

namespace modelref {
namespace {

constexpr int kAttempts = 8;

// One attempt's outcome: the displaced path, or nullopt when the path appeared or vanished
// meanwhile.
using Attempt = absl::StatusOr<std::optional<std::string>>;

// An exchange would put a folder, a socket or a device aside too.
absl::Status CheckReplaceable(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, "lstat", path);
  }
  if (S_ISREG(info.st_mode) || S_ISLNK(info.st_mode)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path, ": is not a file, expected a file to replace"));
}

// Puts the new file where none is.
Attempt Place(const std::string& temporary, const std::string& path) {
  const absl::Status status = RenameIfAbsent(temporary, path);
  if (status.ok()) return std::string();
  if (absl::IsAlreadyExists(status)) return std::nullopt;
  return status;
}

// For file systems that cannot exchange.
Attempt ReplaceByRename(const std::string& temporary, const std::string& path) {
  std::string old = absl::StrCat(temporary, ".old");
  if (!FAILPOINT_STATUS("file.no_links").ok()) {
    old.clear();
  } else if (link(path.c_str(), old.c_str()) != 0) {
    if (errno == ENOENT) return Place(temporary, path);
    if (errno == EEXIST) return std::nullopt;
    old.clear();
  }
  FAILPOINT("file.after_link");
  if (rename(temporary.c_str(), path.c_str()) == 0) return old;
  const absl::Status status = ErrnoStatus(errno, "rename", path);
  if (!old.empty()) unlink(old.c_str());
  return status;
}

Attempt TryExchange(const std::string& temporary, const std::string& path) {
  if (!FAILPOINT_STATUS("file.no_exchange").ok()) return ReplaceByRename(temporary, path);
  if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    return temporary;
  }
  switch (errno) {
    case ENOENT:
      return Place(temporary, path);
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
      return ReplaceByRename(temporary, path);
    default:
      return ErrnoStatus(errno, "exchange", path);
  }
}

absl::StatusOr<std::string> Exchange(const std::string& temporary, const std::string& path) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(std::optional<std::string> displaced, TryExchange(temporary, path));
    if (displaced.has_value()) return *std::move(displaced);
  }
  return absl::AbortedError(absl::StrCat(path, ": keeps appearing and vanishing"));
}

bool IsGone(const TemporaryName& name, const std::string& path) {
  if (name.pid == getpid()) return !IsTemporaryInUse(path);
  struct stat info;
  const absl::Time written = lstat(path.c_str(), &info) == 0 ? absl::TimeFromTimespec(info.st_ctim)
                                                             : absl::InfiniteFuture();
  return !MayHaveRunAt(name.pid, written);
}

}  // namespace

absl::Status SyncExchange(const std::string& path) {
  RETURN_IF_ERROR(FAILPOINT_STATUS("file.after_exchange"));
  RETURN_IF_ERROR(SyncDirectoryOf(path));
  return FAILPOINT_STATUS("file.after_dir_fsync");
}

absl::StatusOr<FileExchange> ExchangeFileDurably(const std::string& path, absl::string_view bytes,
                                                 std::optional<uint64_t> revision) {
  RETURN_IF_ERROR(CheckReplaceable(path));
  ASSIGN_OR_RETURN(TemporaryFile temporary, TemporaryFile::Write(path, bytes, revision));
  ASSIGN_OR_RETURN(const FileVersion version, StatFile(temporary.path()));
  ASSIGN_OR_RETURN(std::string displaced, Exchange(temporary.path(), path));
  temporary.Release();
  return FileExchange{std::move(displaced), version, SyncExchange(path)};
}

absl::StatusOr<std::vector<DisplacedFile>> SweepTemporaryFiles(const std::string& folder) {
  std::vector<DisplacedFile> displaced;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::optional<TemporaryName> name = ParseTemporaryName(entry->path().filename().string());
    const std::string path = entry->path().string();
    struct stat info;
    if (!name.has_value() || !IsGone(*name, path) || lstat(path.c_str(), &info) != 0 ||
        S_ISDIR(info.st_mode)) {
      continue;
    }
    if (KindOf(*name, static_cast<uint64_t>(info.st_ino)) == TemporaryKind::kDisplaced) {
      displaced.push_back({path, (entry->path().parent_path() / name->target).string()});
    } else {
      unlink(path.c_str());
    }
  }
  if (error) return ErrnoStatus(error.value(), "read folder", folder);
  std::sort(displaced.begin(), displaced.end(),
            [](const DisplacedFile& a, const DisplacedFile& b) { return a.path < b.path; });
  return displaced;
}

}  // namespace modelref

#include "service/store/repair_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/failpoint.h"
#include "backends/base/status_macros.h"
#include "service/store/store.h"
#include "service/store/store_lock.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;

constexpr char kWorkFolder[] = "/repair";
constexpr std::array<const char*, 2> kKeptSuffixes = {"", "-wal"};
constexpr char kIndexSuffix[] = "-shm";
constexpr uint64_t kMaxMarkerBytes = 64;
constexpr int kMostStamps = 1000;  // Of one second.

absl::Status StatusOf(const std::error_code& error, absl::string_view operation,
                      const std::string& path) {
  return error ? ErrnoStatus(error.value(), operation, path) : absl::OkStatus();
}

// NOT_FOUND is fine.
absl::Status Remove(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, "unlink", path);
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "rename", from);
}

absl::Status SyncFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus() : ErrnoStatus(error, "fsync", path);
}

std::string KeptName(const std::string& path, absl::string_view stamp) {
  return absl::StrCat(path, ".damaged-", stamp);
}

// A stamp that no kept file bears yet.
std::string FreeStamp(const std::string& database, absl::Time now) {
  const std::string time = absl::FormatTime("%Y%m%dT%H%M%SZ", now, absl::UTCTimeZone());
  const auto is_taken = [&](const std::string& stamp) {
    for (const char* suffix : kKeptSuffixes) {
      if (!absl::IsNotFound(StatFile(KeptName(database + suffix, stamp)).status())) return true;
    }
    return false;
  };
  std::string stamp = time;
  for (int i = 2; is_taken(stamp) && i < kMostStamps; ++i) stamp = absl::StrCat(time, "-", i);
  return stamp;
}

}  // namespace

RepairFiles::RepairFiles(std::string directory)
    : directory_(std::move(directory)), work_(directory_ + kWorkFolder) {}

RepairFiles::~RepairFiles() {
  std::error_code ignored;
  fs::remove_all(work_, ignored);
}

absl::Status RepairFiles::Prepare() {
  RETURN_IF_ERROR(PutBack());
  std::error_code error;
  fs::remove_all(work_, error);
  RETURN_IF_ERROR(StatusOf(error, "remove", work_));
  return CreateDirectories(work_);
}

absl::Status RepairFiles::PutBack() {
  const std::string marker = directory_ + kRepairMarkerFile;
  const absl::StatusOr<std::string> text = ReadFileToString(marker, kMaxMarkerBytes);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  RETURN_IF_ERROR(text.status());
  const std::string stamp(absl::StripAsciiWhitespace(*text));
  const std::string database = directory_ + kDatabaseFile;
  RETURN_IF_ERROR(Remove(database + kIndexSuffix));
  for (const char* suffix : kKeptSuffixes) {
    const std::string path = database + suffix;
    const std::string kept = KeptName(path, stamp);
    const absl::Status present = StatFile(kept).status();
    if (absl::IsNotFound(present)) continue;
    RETURN_IF_ERROR(present);
    RETURN_IF_ERROR(Rename(kept, path));
  }
  RETURN_IF_ERROR(SyncDirectory(directory_));
  RETURN_IF_ERROR(Remove(marker));
  return SyncDirectory(directory_);
}

absl::StatusOr<bool> RepairFiles::CopyDatabase() {
  bool exists = false;
  for (const char* suffix : kKeptSuffixes) {
    const std::string from = absl::StrCat(directory_, kDatabaseFile, suffix);
    const absl::StatusOr<FileVersion> file = StatFile(from);
    if (absl::IsNotFound(file.status())) continue;
    RETURN_IF_ERROR(file.status());
    std::error_code error;
    fs::copy_file(from, copy() + suffix, error);
    RETURN_IF_ERROR(StatusOf(error, "copy", from));
    // The engine takes an empty file for a new database.
    if (*suffix == '\0') exists = file->size > 0;
  }
  return exists;
}

absl::StatusOr<std::vector<std::string>> RepairFiles::Install(const std::string& candidate,
                                                              absl::Time now) {
  RETURN_IF_ERROR(SyncFile(candidate));
  const std::string database = directory_ + kDatabaseFile;
  const std::string stamp = FreeStamp(database, now);
  const std::string marker = directory_ + kRepairMarkerFile;
  // From here on nobody opens the store, until the marker is gone or another repair has run.
  RETURN_IF_ERROR(WriteFileDurably(marker, stamp + "\n"));
  FAILPOINT("repair.after_marker");
  std::vector<std::string> kept;
  for (const char* suffix : kKeptSuffixes) {
    const std::string path = database + suffix;
    const absl::Status present = StatFile(path).status();
    if (absl::IsNotFound(present)) continue;
    RETURN_IF_ERROR(present);
    kept.push_back(KeptName(path, stamp));
    RETURN_IF_ERROR(Rename(path, kept.back()));
    FAILPOINT("repair.after_keep");
  }
  RETURN_IF_ERROR(Remove(database + kIndexSuffix));
  RETURN_IF_ERROR(Rename(candidate, database));
  RETURN_IF_ERROR(SyncDirectory(directory_));
  FAILPOINT("repair.after_install");
  RETURN_IF_ERROR(Remove(marker));
  RETURN_IF_ERROR(SyncDirectory(directory_));
  return kept;
}

}  // namespace modelref

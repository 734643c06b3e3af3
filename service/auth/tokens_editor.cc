#include "service/auth/tokens_editor.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/auth/random_bytes.h"
#include "service/auth/tokens_file.h"

namespace modelref {
namespace {

using Entries = std::vector<TokenEntry>;

constexpr absl::Duration kLockLook = absl::Milliseconds(20);

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// The file itself where a link leads to it, so that the link stays.
std::string Target(const std::string& path) {
  std::error_code error;
  const std::string target = std::filesystem::canonical(path, error).string();
  return error ? path : target;
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

absl::Status Lock(const Descriptor& folder, const std::string& path, absl::Duration patience) {
  if (folder.get() < 0) return ErrnoStatus(errno, "open", path);
  const absl::Time end = MonotonicClock().TimeNow() + patience;
  while (flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return ErrnoStatus(errno, "flock", path);
    if (MonotonicClock().TimeNow() >= end) {
      return absl::UnavailableError(
          absl::StrCat("another program holds the lock of ", path, " since more than ",
                       absl::FormatDuration(patience), "; nothing was changed"));
    }
    Pause(kLockLook);
  }
  return absl::OkStatus();
}

absl::StatusOr<Entries> Read(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFileToString(path, kMaxTokensFileBytes));
  absl::StatusOr<Entries> entries = ParseTokens(text);
  if (!entries.ok()) return Annotated(entries.status(), path);
  return entries;
}

// For a change: a server must be able to see it.
absl::StatusOr<Entries> ReadToChange(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) RETURN_IF_ERROR(CheckTokensMode(path, info.st_mode));
  return Read(path);
}

// A server would not read a file of another owner.
absl::Status KeepOwner(int fd, const std::string& path) {
  struct stat old;
  if (stat(path.c_str(), &old) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, "stat", path);
  }
  if (fchown(fd, old.st_uid, old.st_gid) != 0) return ErrnoStatus(errno, "fchown", path);
  if (fchmod(fd, old.st_mode & 0777) != 0) return ErrnoStatus(errno, "fchmod", path);
  return absl::OkStatus();
}

absl::Status Fill(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write", path);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return fsync(fd) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "fsync", path);
}

// Under the lock, which is why the name of the new file can be the same each time.
absl::Status Replace(const std::string& path, const Entries& entries) {
  const std::string fresh = absl::StrCat(path, ".new");
  unlink(fresh.c_str());
  {
    const Descriptor file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return ErrnoStatus(errno, "create", fresh);
    absl::Status written = KeepOwner(file.get(), path);
    if (written.ok()) written = Fill(file.get(), FormatTokens(entries), fresh);
    if (written.ok() && rename(fresh.c_str(), path.c_str()) != 0) {
      written = ErrnoStatus(errno, "rename", fresh);
    }
    if (!written.ok()) {
      unlink(fresh.c_str());
      return written;
    }
  }
  return SyncDirectoryOf(path);
}

// Fits the entry to the others of its id.
absl::Status Fit(const Entries& entries, TokenEntry* entry) {
  for (const TokenEntry& other : entries) {
    if (other.id != entry->id) continue;
    if (entry->name.empty()) entry->name = other.name;
    if (other.name == entry->name && other.role == entry->role) return absl::OkStatus();
    return absl::AlreadyExistsError(
        absl::StrCat(entry->id, " has a token as ", RoleName(other.role), " with the name ",
                     other.name, ": revoke it first, or take another id"));
  }
  if (entry->name.empty()) entry->name = entry->id;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CreatedToken> CreateToken(const std::string& path, const NewToken& token,
                                         absl::Time now, absl::Duration patience) {
  RETURN_IF_ERROR(CheckCallerId(token.id));
  RETURN_IF_ERROR(CheckCallerName(token.name));
  const std::string target = Target(path);
  const std::string folder = FolderOf(target);
  const Descriptor lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  RETURN_IF_ERROR(Lock(lock, folder, patience));
  absl::StatusOr<Entries> entries = ReadToChange(target);
  if (absl::IsNotFound(entries.status())) entries = Entries();
  RETURN_IF_ERROR(entries.status());
  if (entries->size() >= kMaxTokens) return absl::ResourceExhaustedError("100,000 tokens are all");
  CreatedToken created;
  created.secret = MakeToken();
  created.entry = {Sha256(created.secret),
                   token.id,
                   token.name,
                   token.role,
                   absl::FromUnixSeconds(absl::ToUnixSeconds(now)),
                   token.expires};
  RETURN_IF_ERROR(Fit(*entries, &created.entry));
  entries->push_back(created.entry);
  RETURN_IF_ERROR(Replace(target, *entries));
  return created;
}

absl::StatusOr<Entries> RevokeTokens(const std::string& path, absl::string_view id_or_fingerprint,
                                     absl::Duration patience) {
  const std::string target = Target(path);
  const std::string folder = FolderOf(target);
  const Descriptor lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  RETURN_IF_ERROR(Lock(lock, folder, patience));
  ASSIGN_OR_RETURN(Entries entries, ReadToChange(target));
  const auto kept_end =
      std::stable_partition(entries.begin(), entries.end(), [&](const TokenEntry& entry) {
        return entry.id != id_or_fingerprint && TokenFingerprint(entry) != id_or_fingerprint;
      });
  Entries revoked(kept_end, entries.end());
  if (revoked.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no token has the id or fingerprint ", id_or_fingerprint));
  }
  entries.erase(kept_end, entries.end());
  RETURN_IF_ERROR(Replace(target, entries));
  return revoked;
}

absl::StatusOr<Entries> ListTokens(const std::string& path) { return Read(path); }

}  // namespace modelref

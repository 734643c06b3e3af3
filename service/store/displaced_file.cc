#include "service/store/displaced_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/durable_file.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(20);
// How long a file must be unchanged when nobody tells who writes to it.
constexpr absl::Duration kQuiet = absl::Milliseconds(200);
constexpr size_t kShownDigestBytes = 16;

class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

enum class Writers { kNone, kSome, kUnknown };

// A read lease is granted only while nobody has the file open to write.
Writers AskForWriters(const std::string& path) {
  const Descriptor file(path);
  if (file.get() < 0) return Writers::kUnknown;
  if (fcntl(file.get(), F_SETLEASE, F_RDLCK) == 0) {
    fcntl(file.get(), F_SETLEASE, F_UNLCK);
    return Writers::kNone;
  }
  return errno == EAGAIN ? Writers::kSome : Writers::kUnknown;
}

}  // namespace

absl::StatusOr<FileDigest> DigestFile(const std::string& path) {
  const Descriptor file(path);
  if (file.get() < 0) return ErrnoStatus(errno, "open", path);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) return absl::DataLossError(absl::StrCat(path, ": is not a file"));
  Sha256Hasher hasher;
  FileDigest digest;
  std::string buffer(size_t{1} << 16, '\0');
  while (true) {
    const ssize_t count = read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "read", path);
    if (count == 0) break;
    hasher.Update(absl::string_view(buffer.data(), static_cast<size_t>(count)));
    digest.size_bytes += static_cast<uint64_t>(count);
  }
  digest.sha256 = hasher.Finish();
  return digest;
}

bool WaitForWriters(const std::string& path, absl::Duration patience) {
  absl::StatusOr<FileVersion> version = StatFile(path);
  absl::Duration waited;
  absl::Duration quiet;
  while (version.ok()) {
    const Writers writers = AskForWriters(path);
    if (writers == Writers::kNone || (writers == Writers::kUnknown && quiet >= kQuiet)) return true;
    if (waited >= patience) return false;
    Pause(absl::FromChrono(kLookAgain));
    waited += absl::FromChrono(kLookAgain);
    absl::StatusOr<FileVersion> now = StatFile(path);
    quiet = now.ok() && *now == *version ? quiet + absl::FromChrono(kLookAgain) : absl::Duration();
    version = std::move(now);
  }
  return true;
}

absl::StatusOr<std::string> KeepFile(const std::string& path, const std::string& folder,
                                     absl::string_view prefix, const Sha256Digest& sha256) {
  RETURN_IF_ERROR(CreateDirectories(folder));
  std::string kept =
      absl::StrCat(folder, "/", prefix, "-",
                   absl::string_view(ToHex(AsBytes(sha256))).substr(0, kShownDigestBytes));
  if (rename(path.c_str(), kept.c_str()) != 0) return ErrnoStatus(errno, "rename", path);
  RETURN_IF_ERROR(SyncDirectory(folder));
  return kept;
}

void PruneKeptFiles(const std::string& folder, absl::string_view prefix, size_t most,
                    absl::Duration age) {
  // A rename changes the status of a file, not its content: that tells when it was kept.
  std::vector<std::pair<absl::Time, std::string>> kept;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    struct stat info;
    const std::string path = entry.path().string();
    if (!absl::StartsWith(entry.path().filename().string(), prefix)) continue;
    if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    kept.emplace_back(absl::TimeFromTimespec(info.st_ctim), path);
  }
  std::sort(kept.rbegin(), kept.rend());
  for (size_t i = 0; i < kept.size(); ++i) {
    if (i < most && kept[0].first - kept[i].first <= age) continue;
    unlink(kept[i].second.c_str());
  }
}

}  // namespace modelref

#include "clients/cpp/mirror_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "backends/base/categories.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/file_exchange.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/mirror_file.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;

constexpr char kManifestFile[] = "manifest.json";
constexpr char kLockFile[] = ".lock";
// Documents hold 512 MiB; the rest is names and line ends.
constexpr uint64_t kMaxFileBytes = uint64_t{640} << 20;

std::string PathIn(const std::string& folder, absl::string_view file) {
  return absl::StrCat(folder, "/", file);
}

absl::StatusOr<MirrorCopy> ReadCopy(const std::string& folder, const DocumentKey& key) {
  ASSIGN_OR_RETURN(const std::string bytes,
                   ReadFileToString(PathIn(folder, MirrorFileName(key)), kMaxFileBytes));
  ASSIGN_OR_RETURN(MirrorCopy copy, DecodeMirrorFile(bytes));
  if (copy.key == key) return copy;
  return DamagedCopy(absl::StrCat("it holds ", copy.key.ToString(), "; it was copied or renamed"));
}

absl::StatusOr<MirrorManifest> ReadManifest(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string bytes,
                   ReadFileToString(PathIn(folder, kManifestFile), kMaxFileBytes));
  return DecodeManifest(bytes);
}

// The content of a file may have been the newest for longer than the file knows.
void TakePosition(const MirrorManifest& manifest, MirrorCopy* copy) {
  for (const MirrorManifestEntry& entry : manifest.documents) {
    if (entry.key != copy->key || entry.etag != AsBytes(copy->document->etag())) continue;
    copy->epoch = entry.epoch;
    copy->revision = entry.revision;
    copy->mod_revision = entry.mod_revision;
  }
}

std::vector<DocumentKey> FilesOf(const std::string& folder) {
  std::vector<DocumentKey> keys;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::optional<DocumentKey> key = ParseMirrorFileName(entry->path().filename().string());
    if (key.has_value()) keys.push_back(*std::move(key));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace

MirrorManifestEntry ManifestEntryOf(const MirrorCopy& copy) {
  return {copy.key,
          MirrorFileName(copy.key),
          copy.epoch,
          copy.revision,
          copy.mod_revision,
          std::string(AsBytes(copy.document->etag())),
          copy.document->record_count()};
}

MirrorContent ReadMirrorDirectory(const std::string& path) {
  MirrorContent content;
  content.manifest = ReadManifest(path);
  for (const DocumentKey& key : FilesOf(path)) {
    absl::StatusOr<MirrorCopy> copy = ReadCopy(path, key);
    if (copy.ok()) {
      if (content.manifest.ok()) TakePosition(*content.manifest, &*copy);
      content.copies.push_back(*std::move(copy));
    } else {
      content.refused.push_back({key, MirrorFileName(key), std::move(copy).status()});
    }
  }
  return content;
}

absl::StatusOr<std::unique_ptr<MirrorDirectory>> MirrorDirectory::Open(const std::string& path) {
  RETURN_IF_ERROR(CreateDirectories(path));
  const std::string lock_path = PathIn(path, kLockFile);
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(errno, "open", lock_path);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    close(fd);
    if (error != EWOULDBLOCK) return ErrnoStatus(error, "lock", lock_path);
    return Error(absl::StatusCode::kAborted, "COPY_IN_USE",
                 absl::StrCat(path, ": another process keeps this copy"));
  }
  auto directory = absl::WrapUnique(new MirrorDirectory(path, fd));
  RETURN_IF_ERROR(SweepTemporaryFiles(path).status());
  return directory;
}

MirrorDirectory::MirrorDirectory(std::string path, int lock_fd)
    : path_(std::move(path)), lock_fd_(lock_fd) {}

MirrorDirectory::~MirrorDirectory() { close(lock_fd_); }

absl::Status MirrorDirectory::Save(const MirrorCopy& copy) {
  // The name comes from a server, and becomes part of a path.
  RETURN_IF_ERROR(ValidateCategoryName(copy.key.category));
  return WriteFileDurably(PathIn(path_, MirrorFileName(copy.key)), EncodeMirrorFile(copy));
}

absl::Status MirrorDirectory::SaveManifest(const MirrorManifest& manifest) {
  return WriteFileDurably(PathIn(path_, kManifestFile), EncodeManifest(manifest));
}

absl::Status MirrorDirectory::Remove(const DocumentKey& key) {
  RETURN_IF_ERROR(ValidateCategoryName(key.category));
  const std::string path = PathIn(path_, MirrorFileName(key));
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, "unlink", path);
}

std::vector<DocumentKey> MirrorDirectory::Files() const { return FilesOf(path_); }

}  // namespace modelref

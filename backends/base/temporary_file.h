#pragma once

// The new content of a file on its way to its place. A temporary file lies in the folder of its
// target, and its name tells what it is when nobody is left to ask:
//
//   <target>.tmp.<pid>.new.<n>        being created
//   <target>.tmp.<pid>.<inode>.<n>    when the inode is its own: new content, perhaps not whole,
//                                     that is not in place yet; else what stood at the target until
//                                     new content of that inode took its place (file_exchange.h)
//   <target>.tmp.<pid>.<inode>.<n>.old  a further name of what stands, or stood, at the target
//
// "r<revision>" stands behind <n> when the revision that the new content shows was given.
// No name is ever taken from another file: what a dead process left may be all that is left of it.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modelref {

// A complete and synced temporary file, removed when this ends unless Release was called.
// Thread-compatible.
class TemporaryFile {
 public:
  // Mode 0644. `revision` goes into the name. Errors as WriteFileDurably; nothing is left then.
  static absl::StatusOr<TemporaryFile> Write(const std::string& target, absl::string_view bytes,
                                             std::optional<uint64_t> revision = std::nullopt);
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;

  const std::string& path() const { return path_; }
  // The file is in its place, or what lies under path() now is somebody else's.
  void Release();

 private:
  explicit TemporaryFile(std::string path);

  std::string path_;  // Empty: released.
};

enum class TemporaryKind {
  kPartial,    // New content, of no use to anybody.
  kDisplaced,  // May hold what exists nowhere else.
};

struct TemporaryName {
  std::string target;  // The name that the file was made for.
  pid_t pid = 0;
  bool is_being_created = false;
  bool is_old = false;               // A further name of the target's file.
  uint64_t inode = 0;                // Of the new content.
  std::optional<uint64_t> revision;  // That the new content shows.
};

// What a file name says, nullopt when it is not that of a temporary file.
std::optional<TemporaryName> ParseTemporaryName(absl::string_view name);

// What the file under such a name is, given its inode.
TemporaryKind KindOf(const TemporaryName& name, uint64_t inode);

// Whether a TemporaryFile of this process holds the path.
bool IsTemporaryInUse(const std::string& path);

// rename(2), but never over another file. Atomic where the file system knows how, or has hard
// links.
//   ALREADY_EXISTS  something stands at `to`.
//   otherwise as StatFile.
absl::Status RenameIfAbsent(const std::string& from, const std::string& to);

}  // namespace modelref

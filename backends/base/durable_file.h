#pragma once

// Files that are whole or absent after a crash, and reads that cannot be tricked into blocking or
// filling memory.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modelref {

// What tells one state of a file from another without reading it.
struct FileVersion {
  absl::Time modified = absl::InfinitePast();
  uint64_t size = 0;
  uint64_t inode = 0;
  bool operator==(const FileVersion&) const = default;
};

// The version in one word, comparable by equality only.
std::string ToString(const FileVersion& version);

//   NOT_FOUND          no such file.
//   PERMISSION_DENIED  a folder on the way, or the file, may not be read.
//   DATA_LOSS          something else than a regular file stands there.
//   UNAVAILABLE        any other error of the system.
absl::StatusOr<FileVersion> StatFile(const std::string& path);

struct FileContent {
  std::string bytes;
  FileVersion version;  // Taken from the open file; the same before and after reading.
};

// Reads a regular file whole. Never blocks on a FIFO. Errors of StatFile, and
//   RESOURCE_EXHAUSTED  larger than `max_bytes` (checked before reading).
//   ABORTED             the file kept changing while it was read.
absl::StatusOr<FileContent> ReadFile(const std::string& path, uint64_t max_bytes);

// The bytes alone.
absl::StatusOr<std::string> ReadFileToString(const std::string& path, uint64_t max_bytes);

// Replaces `path` by `bytes`: a temporary file in the same folder, fsync, rename, fsync of the
// folder. The old file stays whole until the new one is. Mode 0644. RESOURCE_EXHAUSTED when the
// disk is full, otherwise errors as StatFile.
absl::Status WriteFileDurably(const std::string& path, absl::string_view bytes);

// fsync of a folder: files that were created, renamed or removed in it stay so. Errors as StatFile.
absl::Status SyncDirectory(const std::string& path);
// The same for the folder that a file lies in.
absl::Status SyncDirectoryOf(const std::string& file);

// Creates the folder and its parents. OK when it exists.
absl::Status CreateDirectories(const std::string& path);

// A status for `errno` of an operation on a path: "open /x: No such file or directory".
absl::Status ErrnoStatus(int error, absl::string_view operation, absl::string_view path);

}  // namespace modelref

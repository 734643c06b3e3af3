#pragma once

// What distinguishes a file from its copy, and a local disk from a shared one.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace modelref {

// The same file has the same inode and birth time for its whole life; a copy, a restored backup or
// another disk has others. The device may change its number when the machine starts anew.
struct FileIdentity {
  uint64_t inode = 0;
  uint64_t device = 0;
  std::optional<absl::Time> birth;  // Nullopt: this file system does not keep it.
  bool operator==(const FileIdentity&) const = default;
};

// Of a file or folder; a symbolic link is followed. Errors as StatFile, but a folder is fine.
absl::StatusOr<FileIdentity> IdentifyFile(const std::string& path);

// Whether the file or folder lies on a file system whose locks and caches other machines share, or
// may share (FUSE). False also when it cannot be told: opening the file says why.
bool IsNetworkFileSystem(const std::string& path);

// The same by the type that statfs(2) names.
bool IsNetworkFileSystemType(uint64_t type);

}  // namespace modelref

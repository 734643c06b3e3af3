#pragma once

// The file that a rewrite took the place of: ours, or the work of somebody else that must not be
// lost.

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/digest.h"

namespace modelref {

struct FileDigest {
  Sha256Digest sha256{};
  uint64_t size_bytes = 0;
};

// Of a regular file, in little memory. Errors as StatFile.
absl::StatusOr<FileDigest> DigestFile(const std::string& path);

// Waits until nobody has the file open to write, at most `patience`; true when that is so. Where
// the system cannot tell, or the file is another user's: whether it did not change for a while.
// Blocks.
bool WaitForWriters(const std::string& path, absl::Duration patience);

// Moves the file into `folder`, which is made when missing, under a name that begins with `prefix`
// and tells its content, so that the same content is kept once. Returns where it is. Durable on
// return. Errors as StatFile.
absl::StatusOr<std::string> KeepFile(const std::string& path, const std::string& folder,
                                     absl::string_view prefix, const Sha256Digest& sha256);

// Of the files in `folder` whose names begin with `prefix`, leaves the newest `most`, and of these
// the ones that were kept at most `age` before the newest. What cannot be removed stays.
void PruneKeptFiles(const std::string& folder, absl::string_view prefix, size_t most,
                    absl::Duration age);

}  // namespace modelref

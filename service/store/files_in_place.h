#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace modelref {

// Whether the file at `path` is the one that `open` tells of. OK also when that cannot be told.
//   ABORTED  it was removed, or replaced by another.
absl::Status CheckSameFile(const std::string& path, const struct stat& open);

// Files that are open and must go on standing at their paths: what is written to one that was
// removed or replaced, nobody finds again. Thread-compatible.
class FilesInPlace {
 public:
  // Takes the files at `paths` as they are now; one that is not there is never looked at.
  explicit FilesInPlace(const std::vector<std::string>& paths);
  // The first that is not OK by CheckSameFile. Cheap: a stat for each.
  absl::Status Check() const;

 private:
  struct File {
    std::string path;
    struct stat open;
  };
  std::vector<File> files_;
};

}  // namespace modelref

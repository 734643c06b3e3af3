#pragma once

// Replacing a file that others edit by hand: nothing they wrote is lost, and whoever opens the path
// finds a whole file at every instant.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/durable_file.h"

namespace modelref {

struct FileExchange {
  // What stood at the path until then, under a temporary name in the same folder. Whoever called
  // looks whether somebody else wrote it, or still has it open and writes, and removes it. Empty:
  // nothing stood there, or, where the file system has neither an exchange nor hard links, it could
  // not be kept.
  std::string displaced;
  // Of the new file when it took its place.
  FileVersion version;
  // Whether the folder is synced; when not, either file may be there after a power failure.
  absl::Status synced;
};

// Puts `bytes` at `path` in exchange for what is there: a synced temporary file, an atomic exchange
// of the two names, fsync of the folder. Mode 0644. An OK result means that the new bytes are in
// place; after an error everything is as it was. A symbolic link at `path` is itself exchanged.
// `revision`: what the new content shows; the displaced file's name tells it (temporary_file.h).
// Where the file system cannot exchange, a further link keeps the old file; an editor that renames
// its file into place just then loses what it wrote. Blocks. Errors as WriteFileDurably, and
//   DATA_LOSS  something else than a file stands there.
//   ABORTED    the path kept appearing and vanishing.
absl::StatusOr<FileExchange> ExchangeFileDurably(const std::string& path, absl::string_view bytes,
                                                 std::optional<uint64_t> revision = std::nullopt);

// Syncs the folder of a file that an exchange put in place, when the exchange could not. Until then
// the file before may be there again after a power failure. Errors as SyncDirectory.
absl::Status SyncExchange(const std::string& path);

// A file that an exchange displaced, and whose writer ended before it was judged.
struct DisplacedFile {
  std::string path;
  std::string target;  // The path where it stood.
};

// Looks in `folder` for temporary files of processes that are gone: removes new content that did
// not reach its place, and returns the displaced files, which are left alone. In order of their
// names. For the start, under the lock that makes this process the only writer there: processes of
// other machines or containers count as gone, and so do those that ended and were not waited for.
// Errors as StatFile; what cannot be removed is left.
absl::StatusOr<std::vector<DisplacedFile>> SweepTemporaryFiles(const std::string& folder);

}  // namespace modelref

#pragma once

// A folder with a copy of some documents: a file per document (mirror_file.h), a manifest, and a
// lock. Each file is replaced as a whole, the manifest last, so that a process that dies leaves
// documents that are right each by itself, and a manifest that may be older than some of them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/mirror_copy.h"

namespace modelref {

// What stands in manifest.json about one document.
struct MirrorManifestEntry {
  DocumentKey key;
  std::string file;
  std::string epoch;
  uint64_t revision = 0;
  uint64_t mod_revision = 0;
  std::string etag;  // 32 bytes.
  uint64_t record_count = 0;
};

struct MirrorManifest {
  // The newest state that the server is known to have had then; what was written is at most as
  // new.
  std::string epoch;
  uint64_t revision = 0;
  absl::Time confirmed = absl::InfinitePast();  // When the copy was last known to be the newest.
  std::vector<MirrorManifestEntry> documents;   // By key.
};
MirrorManifestEntry ManifestEntryOf(const MirrorCopy& copy);

std::string EncodeManifest(const MirrorManifest& manifest);
// DATA_LOSS (`DAMAGED_COPY`).
absl::StatusOr<MirrorManifest> DecodeManifest(absl::string_view bytes);

// What could be read of a folder.
struct MirrorContent {
  struct Refused {
    DocumentKey key;
    std::string file;
    absl::Status why;
  };
  std::vector<MirrorCopy> copies;  // By key; positions as the manifest tells them.
  std::vector<Refused> refused;    // Damaged, unreadable, or in the wrong place.
  absl::StatusOr<MirrorManifest> manifest = absl::NotFoundError("no manifest");
};

// Reads and verifies a folder. Takes no lock: files are whole whenever they are read. A missing
// folder is empty.
MirrorContent ReadMirrorDirectory(const std::string& path);

// The right to write a folder: one process at a time has it, as long as it lives.
// Thread-compatible.
class MirrorDirectory {
 public:
  // Makes the folder when there is none. What dead processes left half written is removed.
  //   ABORTED (`COPY_IN_USE`)  another process writes it.
  //   otherwise                as backends/base/durable_file.h
  static absl::StatusOr<std::unique_ptr<MirrorDirectory>> Open(const std::string& path);
  ~MirrorDirectory();
  MirrorDirectory(const MirrorDirectory&) = delete;
  MirrorDirectory& operator=(const MirrorDirectory&) = delete;

  const std::string& path() const { return path_; }

  // Durable on return. RESOURCE_EXHAUSTED when the disk is full; the file before stays then.
  // INVALID_ARGUMENT for a category whose name is none.
  absl::Status Save(const MirrorCopy& copy);
  absl::Status SaveManifest(const MirrorManifest& manifest);
  // OK when there is no such file.
  absl::Status Remove(const DocumentKey& key);
  // The documents that have files, whole or not.
  std::vector<DocumentKey> Files() const;

 private:
  MirrorDirectory(std::string path, int lock_fd);

  const std::string path_;
  const int lock_fd_;
};

}  // namespace modelref

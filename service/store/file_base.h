#pragma once

// What the file of a document held when we last wrote or imported it: the base that hand edits are
// compared with. Rows of the tables file_base and files; inside a transaction of the caller.

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "backends/document.h"
#include "service/store/database.h"

namespace modelref {

// The file as a whole.
struct FileState {
  // The mod_revision of the document that the file shows. 0: of none exactly, or not in our form;
  // it is due to be rewritten.
  uint64_t revision = 0;
  std::string version;    // As VersionProbe tells it.
  Sha256Digest sha256{};  // Of its bytes.
  uint64_t size_bytes = 0;
};

using RecordEtags = std::map<std::string, Etag>;

// Nullopt when the file was never seen.
absl::StatusOr<std::optional<FileState>> ReadFileState(Database& database, int64_t document);
absl::Status WriteFileState(Database& database, int64_t document, const FileState& state);

// What we are about to write there, noted before it stands there.
struct FileIntent {
  uint64_t revision = 0;
  Sha256Digest sha256{};
};
// Nullopt when nothing was ever written there.
absl::StatusOr<std::optional<FileIntent>> ReadFileIntent(Database& database, int64_t document);
absl::Status WriteFileIntent(Database& database, int64_t document, const FileIntent& intent);
// Once it is done, the same bytes are an edit of somebody.
absl::Status ForgetFileIntent(Database& database, int64_t document);

absl::StatusOr<RecordEtags> ReadFileBase(Database& database, int64_t document);
// The etags of some records; none: the file does not have the record.
using FileBaseChanges = std::map<std::string, std::optional<Etag>>;
absl::Status UpdateFileBase(Database& database, int64_t document, const FileBaseChanges& changes);

// What makes the base equal to a document that was written out, given what it was.
FileBaseChanges DiffFileBase(const RecordEtags& before, const Document& written);

// Makes the base equal to a document that was written out, given what it was.
absl::Status SetFileBase(Database& database, int64_t document, const RecordEtags& before,
                         const Document& written);

}  // namespace modelref

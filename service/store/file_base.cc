#include "service/store/file_base.h"

#include "backends/base/status_macros.h"
#include "service/store/history_reader.h"

namespace modelref {

absl::StatusOr<std::optional<FileState>> ReadFileState(Database& database, int64_t document) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT revision, version, sha256, size_bytes FROM files WHERE "
                                    "document = ?"));
  query.Bind(1, document);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (!row) return std::optional<FileState>();
  return std::optional<FileState>({query.Unsigned(0), std::string(query.Bytes(1)),
                                   ToArray<32>(query.Bytes(2)), query.Unsigned(3)});
}

absl::Status WriteFileState(Database& database, int64_t document, const FileState& state) {
  ASSIGN_OR_RETURN(
      Statement put,
      database.Prepare("INSERT INTO files (document, revision, version, sha256, size_bytes) VALUES "
                       "(?, ?, ?, ?, ?) ON CONFLICT (document) DO UPDATE SET revision = "
                       "excluded.revision, version = excluded.version, sha256 = excluded.sha256, "
                       "size_bytes = excluded.size_bytes"));
  return put.Bind(1, document)
      .Bind(2, state.revision)
      .Bind(3, state.version)
      .BindBlob(4, AsBytes(state.sha256))
      .Bind(5, state.size_bytes)
      .Run();
}

absl::StatusOr<std::optional<FileIntent>> ReadFileIntent(Database& database, int64_t document) {
  ASSIGN_OR_RETURN(
      Statement query,
      database.Prepare("SELECT revision, sha256 FROM file_intents WHERE document = ?"));
  query.Bind(1, document);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (!row) return std::optional<FileIntent>();
  return std::optional<FileIntent>({query.Unsigned(0), ToArray<32>(query.Bytes(1))});
}

absl::Status WriteFileIntent(Database& database, int64_t document, const FileIntent& intent) {
  ASSIGN_OR_RETURN(
      Statement put,
      database.Prepare("INSERT INTO file_intents (document, revision, sha256) VALUES (?, ?, ?) ON "
                       "CONFLICT (document) DO UPDATE SET revision = excluded.revision, sha256 = "
                       "excluded.sha256"));
  return put.Bind(1, document).Bind(2, intent.revision).BindBlob(3, AsBytes(intent.sha256)).Run();
}

absl::Status ForgetFileIntent(Database& database, int64_t document) {
  ASSIGN_OR_RETURN(Statement remove,
                   database.Prepare("DELETE FROM file_intents WHERE document = ?"));
  return remove.Bind(1, document).Run();
}

absl::StatusOr<RecordEtags> ReadFileBase(Database& database, int64_t document) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT name, etag FROM file_base WHERE document = ?"));
  query.Bind(1, document);
  RecordEtags base;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return base;
    base.emplace(std::string(query.Bytes(0)), ToArray<32>(query.Bytes(1)));
  }
}

absl::Status UpdateFileBase(Database& database, int64_t document, const FileBaseChanges& changes) {
  ASSIGN_OR_RETURN(Statement put,
                   database.Prepare("INSERT INTO file_base (document, name, etag) VALUES (?, ?, ?) "
                                    "ON CONFLICT (document, name) DO UPDATE SET etag = "
                                    "excluded.etag"));
  ASSIGN_OR_RETURN(Statement erase,
                   database.Prepare("DELETE FROM file_base WHERE document = ? AND name = ?"));
  for (const auto& [name, etag] : changes) {
    if (etag.has_value()) {
      RETURN_IF_ERROR(put.Bind(1, document).Bind(2, name).BindBlob(3, AsBytes(*etag)).Run());
    } else {
      RETURN_IF_ERROR(erase.Bind(1, document).Bind(2, name).Run());
    }
  }
  return absl::OkStatus();
}

FileBaseChanges DiffFileBase(const RecordEtags& before, const Document& written) {
  FileBaseChanges changes;
  written.ForEach([&](const Entry& entry) {
    const auto old = before.find(entry.record->name);
    if (old == before.end() || old->second != entry.record->etag) {
      changes[entry.record->name] = entry.record->etag;
    }
  });
  for (const auto& [name, etag] : before) {
    if (written.Find(name) == nullptr) changes[name] = std::nullopt;
  }
  return changes;
}

absl::Status SetFileBase(Database& database, int64_t document, const RecordEtags& before,
                         const Document& written) {
  return UpdateFileBase(database, document, DiffFileBase(before, written));
}

}  // namespace modelref

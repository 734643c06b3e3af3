#include "service/store/schema.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/failpoint.h"
#include "backends/base/status_macros.h"
#include "service/store/metadata_rows.h"

namespace modelref {
namespace {

// Statements that lead from version i to i + 1. Never changed once released: add another.
constexpr std::array<const char*, kSchemaVersion> kMigrations = {R"sql(
-- Single facts: epoch, base_revision, last_time_us, …
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);

-- The forks this lineage went through, newest with the highest position.
CREATE TABLE forks (
  position INTEGER PRIMARY KEY, epoch BLOB NOT NULL, first_revision INTEGER NOT NULL,
  parent_epoch BLOB NOT NULL, parent_revision INTEGER NOT NULL);

-- format: 1 legacy, 2 v2. known: good content was seen, be it empty. next_order: the place of the
-- next new record. source_*: the exact text of a legacy document, and when it last changed.
CREATE TABLE documents (
  id INTEGER PRIMARY KEY, category TEXT NOT NULL, format INTEGER NOT NULL, etag BLOB NOT NULL,
  mod_revision INTEGER NOT NULL, commit_time_us INTEGER NOT NULL, next_order INTEGER NOT NULL,
  known INTEGER NOT NULL, source_sequence INTEGER NOT NULL DEFAULT 0, source_text BLOB,
  UNIQUE (category, format));

-- id: document << 40 | place, so that a document is one range in its order.
CREATE TABLE records (
  id INTEGER PRIMARY KEY, document INTEGER NOT NULL, name TEXT NOT NULL, json BLOB NOT NULL,
  etag BLOB NOT NULL, mod_revision INTEGER NOT NULL);
CREATE UNIQUE INDEX records_by_name ON records (document, name);

-- Records of a document's source that cannot be represented. ordinal: in the order of the source.
-- after_name: the record before it, empty at the start. text: its bytes, to be written back.
CREATE TABLE problems (
  document INTEGER NOT NULL, ordinal INTEGER NOT NULL, name TEXT NOT NULL, line INTEGER NOT NULL,
  reason TEXT NOT NULL, after_name TEXT, text BLOB, PRIMARY KEY (document, ordinal));

-- revision: the id of the transaction's last event.
CREATE TABLE transactions (
  revision INTEGER PRIMARY KEY, first_event INTEGER NOT NULL, time_us INTEGER NOT NULL,
  caller TEXT NOT NULL, request TEXT NOT NULL, chain BLOB NOT NULL);

-- operation: 1 create, 2 update, 3 delete. before, after: canonical JSON.
CREATE TABLE events (
  id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, document INTEGER NOT NULL, name TEXT NOT NULL,
  operation INTEGER NOT NULL, before BLOB, after BLOB);
CREATE INDEX events_by_model ON events (document, name, id);
CREATE INDEX events_by_document ON events (document, id);

-- What each transaction led a document to. prev_revision: of the version before, 0 for none.
CREATE TABLE versions (
  document INTEGER NOT NULL, revision INTEGER NOT NULL, etag BLOB NOT NULL,
  prev_revision INTEGER NOT NULL, PRIMARY KEY (document, revision)) WITHOUT ROWID;

-- What the file of a document held, per record, when we last wrote or imported it.
CREATE TABLE file_base (
  document INTEGER NOT NULL, name TEXT NOT NULL, etag BLOB NOT NULL,
  PRIMARY KEY (document, name)) WITHOUT ROWID;
-- The file as a whole at that moment. revision: the document's state that it shows.
CREATE TABLE files (
  document INTEGER PRIMARY KEY, revision INTEGER NOT NULL, version TEXT NOT NULL,
  sha256 BLOB NOT NULL, size_bytes INTEGER NOT NULL);

-- What we are about to write to the file of a document, noted before it stands there: found in
-- place after a crash, it is no edit.
CREATE TABLE file_intents (
  document INTEGER PRIMARY KEY, revision INTEGER NOT NULL, sha256 BLOB NOT NULL);

-- Edits and damaged bytes that wait for an operator; the bytes are in held/<id>. kind: 1 an edit
-- that removes more than half, 2 damage. state: 0 waits, 1 accepted, 2 discarded. acceptable: the
-- bytes are a document. models: a JSON list of the first names. revision: of the transaction that
-- accepting made, 0 for none. etag: of the document when it was decided.
CREATE TABLE held (
  id TEXT PRIMARY KEY, document INTEGER NOT NULL, kind INTEGER NOT NULL, state INTEGER NOT NULL,
  noticed_us INTEGER NOT NULL, sha256 BLOB NOT NULL, size_bytes INTEGER NOT NULL,
  creates INTEGER NOT NULL, updates INTEGER NOT NULL, deletes INTEGER NOT NULL,
  models TEXT NOT NULL, detail TEXT NOT NULL, acceptable INTEGER NOT NULL,
  revision INTEGER NOT NULL DEFAULT 0, etag BLOB);
CREATE INDEX held_by_state ON held (state, noticed_us);
-- The records that a held edit changes, and what was committed there when it was noticed; NULL:
-- nothing.
CREATE TABLE held_changes (
  held TEXT NOT NULL, ordinal INTEGER NOT NULL, name TEXT NOT NULL, committed BLOB,
  PRIMARY KEY (held, ordinal)) WITHOUT ROWID;

-- How far each projection is, by event id, and what it notes for itself.
CREATE TABLE projections (name TEXT PRIMARY KEY, position INTEGER NOT NULL, note BLOB);

-- Answers of requests that may be repeated (the writing services).
CREATE TABLE requests (
  caller TEXT NOT NULL, method TEXT NOT NULL, id TEXT NOT NULL, time_us INTEGER NOT NULL,
  body_sha256 BLOB NOT NULL, answer BLOB NOT NULL, PRIMARY KEY (caller, method, id));
)sql",
                                                                 R"sql(
-- Counters and times of documents (service/store/category_metadata.h); only errors does not follow
-- from base and events. last_operation: as events have it, NULL for none. sequence: ascends with
-- changes that make no event. base: where counting began, as a metadata file; empty: with the first
-- event; NULL: nobody has looked for a file yet.
CREATE TABLE category_metadata (
  document INTEGER PRIMARY KEY, last_updated_us INTEGER NOT NULL, last_operation INTEGER,
  last_model TEXT, creates INTEGER NOT NULL, updates INTEGER NOT NULL, deletes INTEGER NOT NULL,
  initialized_us INTEGER NOT NULL, last_success_us INTEGER, errors INTEGER NOT NULL,
  sequence INTEGER NOT NULL DEFAULT 0, base TEXT);
)sql"};

}  // namespace

absl::StatusOr<int> SchemaVersion(Database& database) {
  ASSIGN_OR_RETURN(const int64_t version, database.QueryInt("PRAGMA user_version"));
  return static_cast<int>(version);
}

absl::Status PrepareSchema(Database& database) {
  ASSIGN_OR_RETURN(int version, SchemaVersion(database));
  if (version == kSchemaVersion) return absl::OkStatus();
  ASSIGN_OR_RETURN(WriteTransaction transaction, WriteTransaction::Begin(database));
  // Again under the lock: another process may have been first.
  ASSIGN_OR_RETURN(version, SchemaVersion(database));
  if (version > kSchemaVersion) {
    return Error(absl::StatusCode::kFailedPrecondition, "SCHEMA_TOO_NEW",
                 absl::StrCat("the store has schema ", version, ", this program knows up to ",
                              kSchemaVersion, ": use a newer modelrefd"));
  }
  const int from = version;
  for (; version < kSchemaVersion; ++version) {
    RETURN_IF_ERROR(database.Execute(kMigrations[static_cast<size_t>(version)]));
  }
  RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion)));
  if (from < kSchemaWithMetadata) RETURN_IF_ERROR(RecountMetadata(database));
  FAILPOINT("schema.before_commit");
  return transaction.Commit();
}

}  // namespace modelref

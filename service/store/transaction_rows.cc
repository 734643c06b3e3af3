#include "service/store/transaction_rows.h"

#include <algorithm>
#include <unordered_set>

#include "backends/base/status_macros.h"
#include "service/store/metadata_rows.h"

namespace modelref {
namespace {

absl::Status InsertTransaction(Database& database, const PreparedTransaction& prepared,
                               const TransactionOrigin& origin) {
  ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT INTO transactions (revision, first_event, time_us, caller, request, "
                       "chain) VALUES (?, ?, ?, ?, ?, ?)"));
  return insert.Bind(1, prepared.root->revision)
      .Bind(2, prepared.first_event)
      .Bind(3, absl::ToUnixMicros(origin.time))
      .Bind(4, origin.caller)
      .Bind(5, origin.request_id)
      .BindBlob(6, AsBytes(prepared.root->chain))
      .Run();
}

absl::Status InsertEvents(Database& database, const DocumentIds& ids,
                          const PreparedTransaction& prepared) {
  ASSIGN_OR_RETURN(Statement insert,
                   database.Prepare("INSERT INTO events (id, revision, document, name, operation, "
                                    "before, after) VALUES (?, ?, ?, ?, ?, ?, ?)"));
  uint64_t id = prepared.first_event;
  for (const Event& event : prepared.events) {
    insert.Bind(1, id++)
        .Bind(2, prepared.root->revision)
        .Bind(3, ids.Find(event.key))
        .Bind(4, event.name)
        .Bind(5, static_cast<int>(event.operation));
    event.before == nullptr ? insert.BindNull(6) : insert.BindBlob(6, event.before->json);
    event.after == nullptr ? insert.BindNull(7) : insert.BindBlob(7, event.after->json);
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

absl::Status DeleteRecord(Database& database, int64_t document, const Entry& entry) {
  ASSIGN_OR_RETURN(Statement statement, database.Prepare("DELETE FROM records WHERE id = ?"));
  return statement.Bind(1, RecordId(document, entry.order)).Run();
}

absl::Status InsertRecord(Database& database, int64_t document, const Entry& entry) {
  ASSIGN_OR_RETURN(Statement statement,
                   database.Prepare("INSERT INTO records (id, document, name, json, etag, "
                                    "mod_revision) VALUES (?, ?, ?, ?, ?, ?)"));
  return statement.Bind(1, RecordId(document, entry.order))
      .Bind(2, document)
      .Bind(3, entry.record->name)
      .BindBlob(4, entry.record->json)
      .BindBlob(5, AsBytes(entry.record->etag))
      .Bind(6, entry.mod_revision)
      .Run();
}

absl::Status UpdateRecord(Database& database, int64_t document, const Entry& entry) {
  ASSIGN_OR_RETURN(
      Statement statement,
      database.Prepare("UPDATE records SET json = ?, etag = ?, mod_revision = ? WHERE id = ?"));
  return statement.BindBlob(1, entry.record->json)
      .BindBlob(2, AsBytes(entry.record->etag))
      .Bind(3, entry.mod_revision)
      .Bind(4, RecordId(document, entry.order))
      .Run();
}

// Brings the rows of one record from its state in `before` to that in `after`.
absl::Status MoveRecord(Database& database, int64_t document, const Entry* before,
                        const Entry* after) {
  if (before != nullptr && after != nullptr && before->order == after->order) {
    return UpdateRecord(database, document, *after);
  }
  if (before != nullptr) RETURN_IF_ERROR(DeleteRecord(database, document, *before));
  return after == nullptr ? absl::OkStatus() : InsertRecord(database, document, *after);
}

absl::Status MoveRecords(Database& database, const DocumentIds& ids, const Root& base,
                         const PreparedTransaction& prepared) {
  std::unordered_set<std::string> done;
  for (const Event& event : prepared.events) {
    if (!done.insert(event.key.ToString() + "\n" + event.name).second) continue;
    RETURN_IF_ERROR(MoveRecord(database, ids.Find(event.key),
                               base.Find(event.key)->document->Find(event.name),
                               prepared.root->Find(event.key)->document->Find(event.name)));
  }
  return absl::OkStatus();
}

absl::Status InsertVersion(Database& database, int64_t document, const DocumentState& before,
                           const DocumentState& after) {
  ASSIGN_OR_RETURN(Statement insert,
                   database.Prepare("INSERT INTO versions (document, revision, etag, "
                                    "prev_revision) VALUES (?, ?, ?, ?)"));
  return insert.Bind(1, document)
      .Bind(2, after.mod_revision)
      .BindBlob(3, AsBytes(after.document->etag()))
      .Bind(4, before.mod_revision)
      .Run();
}

absl::Status UpdateDocument(Database& database, int64_t document, const DocumentState& state) {
  ASSIGN_OR_RETURN(Statement update,
                   database.Prepare("UPDATE documents SET etag = ?, mod_revision = ?, "
                                    "commit_time_us = ?, next_order = ? WHERE id = ?"));
  return update.BindBlob(1, AsBytes(state.document->etag()))
      .Bind(2, state.mod_revision)
      .Bind(3, absl::ToUnixMicros(state.commit_time))
      .Bind(4, state.document->next_order())
      .Bind(5, document)
      .Run();
}

absl::Status WriteProblems(Database& database, int64_t document, const DocumentState& state) {
  ASSIGN_OR_RETURN(Statement clear, database.Prepare("DELETE FROM problems WHERE document = ?"));
  RETURN_IF_ERROR(clear.Bind(1, document).Run());
  ASSIGN_OR_RETURN(Statement insert,
                   database.Prepare("INSERT INTO problems (document, ordinal, name, line, reason, "
                                    "after_name, text) VALUES (?, ?, ?, ?, ?, ?, ?)"));
  for (size_t i = 0; i < state.problems.size(); ++i) {
    const RecordProblem& problem = state.problems[i];
    RETURN_IF_ERROR(insert.Bind(1, document)
                        .Bind(2, static_cast<uint64_t>(i))
                        .Bind(3, problem.name)
                        .Bind(4, static_cast<uint64_t>(problem.line))
                        .Bind(5, problem.reason)
                        .Bind(6, problem.after_name)
                        .BindBlob(7, problem.text)
                        .Run());
  }
  return absl::OkStatus();
}

}  // namespace

void DocumentIds::Add(const DocumentKey& key, int64_t id) {
  by_key_[key] = id;
  by_id_[id] = key;
}

int64_t DocumentIds::Find(const DocumentKey& key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? 0 : it->second;
}

const DocumentKey* DocumentIds::Find(int64_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &it->second;
}

absl::Status WriteDescription(Database& database, int64_t document, const DocumentState& state) {
  ASSIGN_OR_RETURN(
      Statement update,
      database.Prepare("UPDATE documents SET known = ?, source_text = ?, source_sequence = (SELECT "
                       "max(source_sequence) + 1 FROM documents) WHERE id = ?"));
  update.Bind(1, state.known ? 1 : 0).Bind(3, document);
  state.source_text == nullptr ? update.BindNull(2) : update.BindBlob(2, *state.source_text);
  RETURN_IF_ERROR(update.Run());
  return WriteProblems(database, document, state);
}

namespace {

absl::Status WriteCounted(Database& database, const DocumentIds& ids,
                          const PreparedTransaction& prepared, NewestRows* newest) {
  for (const DocumentKey& key : prepared.counted) {
    const int64_t id = ids.Find(key);
    const auto& changed = prepared.changed;
    const bool has_events = std::find(changed.begin(), changed.end(), key) != changed.end();
    const auto beginning = prepared.beginnings.find(key);
    if (has_events && beginning == prepared.beginnings.end()) {
      newest->metadata.insert(key);
      continue;
    }
    RETURN_IF_ERROR(WriteMetadata(database, id, *prepared.root->Find(key)->metadata, has_events));
    if (beginning == prepared.beginnings.end()) continue;
    RETURN_IF_ERROR(WriteMetadataBase(database, id, beginning->second));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteTransactionRows(Database& database, const DocumentIds& ids, const Root& base,
                                  const PreparedTransaction& prepared,
                                  const TransactionOrigin& origin, NewestRows* later) {
  NewestRows now;
  NewestRows* newest = later == nullptr ? &now : later;
  for (const DocumentKey& key : prepared.described) {
    RETURN_IF_ERROR(WriteDescription(database, ids.Find(key), *prepared.root->Find(key)));
  }
  RETURN_IF_ERROR(WriteCounted(database, ids, prepared, newest));
  if (prepared.events.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(InsertTransaction(database, prepared, origin));
  RETURN_IF_ERROR(InsertEvents(database, ids, prepared));
  RETURN_IF_ERROR(MoveRecords(database, ids, base, prepared));
  for (const DocumentKey& key : prepared.changed) {
    RETURN_IF_ERROR(
        InsertVersion(database, ids.Find(key), *base.Find(key), *prepared.root->Find(key)));
    newest->documents.insert(key);
  }
  return WriteNewestRows(database, ids, *prepared.root, now);
}

absl::Status WriteNewestRows(Database& database, const DocumentIds& ids, const Root& root,
                             const NewestRows& rows) {
  for (const DocumentKey& key : rows.metadata) {
    RETURN_IF_ERROR(WriteMetadata(database, ids.Find(key), *root.Find(key)->metadata, true));
  }
  for (const DocumentKey& key : rows.documents) {
    RETURN_IF_ERROR(UpdateDocument(database, ids.Find(key), *root.Find(key)));
  }
  return absl::OkStatus();
}

}  // namespace modelref

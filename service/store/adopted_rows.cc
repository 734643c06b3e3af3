#include "service/store/adopted_rows.h"

#include "backends/base/status_macros.h"
#include "service/store/transaction_rows.h"

namespace modelref {
namespace {

absl::Status InsertRecords(Database& database, int64_t document, const Document& content) {
  ASSIGN_OR_RETURN(Statement insert,
                   database.Prepare("INSERT INTO records (id, document, name, json, etag, "
                                    "mod_revision) VALUES (?, ?, ?, ?, ?, ?)"));
  absl::Status status;
  content.ForEach([&](const Entry& entry) {
    if (!status.ok()) return;
    status = insert.Bind(1, RecordId(document, entry.order))
                 .Bind(2, document)
                 .Bind(3, entry.record->name)
                 .BindBlob(4, entry.record->json)
                 .BindBlob(5, AsBytes(entry.record->etag))
                 .Bind(6, entry.mod_revision)
                 .Run();
  });
  return status;
}

}  // namespace

absl::Status WriteAdoptedContent(Database& database, int64_t document, const DocumentState& state) {
  RETURN_IF_ERROR(InsertRecords(database, document, *state.document));
  ASSIGN_OR_RETURN(Statement update,
                   database.Prepare("UPDATE documents SET etag = ?, mod_revision = ?, "
                                    "commit_time_us = ?, next_order = ? WHERE id = ?"));
  RETURN_IF_ERROR(update.BindBlob(1, AsBytes(state.document->etag()))
                      .Bind(2, state.mod_revision)
                      .Bind(3, absl::ToUnixMicros(state.commit_time))
                      .Bind(4, state.document->next_order())
                      .Bind(5, document)
                      .Run());
  if (state.mod_revision == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(Statement version,
                   database.Prepare("INSERT INTO versions (document, revision, etag, "
                                    "prev_revision) VALUES (?, ?, ?, 0)"));
  return version.Bind(1, document)
      .Bind(2, state.mod_revision)
      .BindBlob(3, AsBytes(state.document->etag()))
      .Run();
}

}  // namespace modelref

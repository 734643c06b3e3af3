#include "service/store/store_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/store/history_reader.h"
#include "service/store/metadata_rows.h"
#include "service/store/schema.h"

namespace modelref {
namespace {

absl::Status Damaged(const DocumentKey& key, absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "STORE_DAMAGED",
               absl::StrCat("the store's database: ", key.ToString(), ": ", what,
                            " is not what was written; run modelrefctl store repair"));
}

// The rows of one document, in order.
absl::StatusOr<DocumentPtr> LoadDocument(Database& database, int64_t id, const DocumentKey& key,
                                         uint64_t next_order) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT id, name, json, etag, mod_revision FROM records WHERE "
                                    "id >= ? AND id < ? ORDER BY id"));
  query.Bind(1, RecordId(id, 0)).Bind(2, RecordId(id + 1, 0));
  std::vector<Entry> entries;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    Entry entry;
    entry.record = MakeRecord(std::string(query.Bytes(1)), std::string(query.Bytes(2)));
    entry.order = static_cast<uint64_t>(query.Int(0) - RecordId(id, 0));
    entry.mod_revision = query.Unsigned(4);
    if (AsBytes(entry.record->etag) != query.Bytes(3)) {
      return Damaged(key, absl::StrCat("the record \"", entry.record->name, "\""));
    }
    entries.push_back(std::move(entry));
  }
  return Document::FromEntries(std::move(entries), next_order);
}

absl::StatusOr<std::vector<RecordProblem>> LoadProblems(Database& database, int64_t id) {
  ASSIGN_OR_RETURN(
      Statement query,
      database.Prepare("SELECT name, line, reason, text, after_name FROM problems WHERE "
                       "document = ? ORDER BY ordinal"));
  query.Bind(1, id);
  std::vector<RecordProblem> problems;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return problems;
    problems.push_back({std::string(query.Bytes(0)), static_cast<size_t>(query.Int(1)),
                        std::string(query.Bytes(2)), std::string(query.Bytes(3)),
                        std::string(query.Bytes(4))});
  }
}

// Columns: id, category, format, etag, mod_revision, commit_time_us, next_order, known,
// source_sequence, source_text.
constexpr char kDocuments[] =
    "SELECT id, category, format, etag, mod_revision, commit_time_us, next_order, known, "
    "source_sequence, source_text FROM documents WHERE source_sequence >= ? ORDER BY id";

DocumentKey KeyOf(const Statement& row) {
  return {std::string(row.Bytes(1)), row.Int(2) == 1 ? Format::kLegacy : Format::kV2};
}

absl::Status LoadDescription(Database& database, const Statement& row, DocumentState* state) {
  state->known = row.Int(7) != 0;
  state->source_text = row.IsNull(9) ? nullptr : std::make_shared<const std::string>(row.Bytes(9));
  state->source_etag = state->source_text == nullptr ? Etag{} : Sha256(*state->source_text);
  ASSIGN_OR_RETURN(state->problems, LoadProblems(database, row.Int(0)));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<DocumentState>> LoadDocumentState(Database& database,
                                                                 const Statement& row) {
  auto state = std::make_shared<DocumentState>();
  state->key = KeyOf(row);
  state->mod_revision = row.Unsigned(4);
  state->commit_time = absl::FromUnixMicros(row.Int(5));
  ASSIGN_OR_RETURN(state->document,
                   LoadDocument(database, row.Int(0), state->key, row.Unsigned(6)));
  if (AsBytes(state->document->etag()) != row.Bytes(3)) return Damaged(state->key, "the content");
  RETURN_IF_ERROR(LoadDescription(database, row, state.get()));
  return state;
}

absl::Status LoadForks(Database& database, Root* root) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT epoch, first_revision, parent_epoch, parent_revision "
                                    "FROM forks ORDER BY position DESC LIMIT 16"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return absl::OkStatus();
    root->forks.push_back({ToArray<16>(query.Bytes(0)), query.Unsigned(1),
                           ToArray<16>(query.Bytes(2)), query.Unsigned(3)});
  }
}

absl::StatusOr<uint64_t> BaseRevision(Database& database) {
  ASSIGN_OR_RETURN(const std::string text, ReadMeta(database, kMetaBaseRevision));
  uint64_t base = 0;
  if (!text.empty() && !absl::SimpleAtoi(text, &base)) {
    return absl::DataLossError("the store's database: base_revision is no number");
  }
  return base;
}

// The head of the history: revision, chain and time.
absl::Status LoadHead(Database& database, Root* root) {
  ASSIGN_OR_RETURN(const std::string epoch, ReadMeta(database, kMetaEpoch));
  root->epoch = ToArray<16>(epoch);
  ASSIGN_OR_RETURN(root->revision, BaseRevision(database));
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT revision, chain, time_us FROM transactions ORDER BY "
                                    "revision DESC LIMIT 1"));
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (row) {
    root->chain = ToArray<32>(query.Bytes(1));
    root->time = absl::FromUnixMicros(query.Int(2));
    // A base above it stands for ids that were given before and must not come again.
    root->revision = std::max(root->revision, query.Unsigned(0));
  }
  return LoadForks(database, root);
}

}  // namespace

absl::StatusOr<std::string> ReadMeta(Database& database, absl::string_view name) {
  ASSIGN_OR_RETURN(Statement query, database.Prepare("SELECT value FROM meta WHERE name = ?"));
  query.Bind(1, name);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? std::string(query.Bytes(0)) : std::string();
}

absl::Status WriteMeta(Database& database, absl::string_view name, absl::string_view value) {
  ASSIGN_OR_RETURN(Statement put,
                   database.Prepare("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT "
                                    "(name) DO UPDATE SET value = excluded.value"));
  return put.Bind(1, name).BindBlob(2, value).Run();
}

absl::StatusOr<int64_t> DocumentId(Database& database, const DocumentKey& key) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT id FROM documents WHERE category = ? AND format = ?"));
  query.Bind(1, key.category).Bind(2, static_cast<int>(key.format));
  ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? query.Int(0) : int64_t{0};
}

absl::StatusOr<LoadedState> LoadState(Database& database, size_t history_transactions,
                                      TransactionRing* ring) {
  LoadedState state;
  auto root = std::make_shared<Root>();
  RETURN_IF_ERROR(LoadHead(database, root.get()));
  ASSIGN_OR_RETURN(Statement documents, database.Prepare(kDocuments));
  documents.Bind(1, 0);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, documents.Step());
    if (!row) break;
    ASSIGN_OR_RETURN(auto document, LoadDocumentState(database, documents));
    state.ids.Add(document->key, documents.Int(0));
    state.source_sequence = std::max(state.source_sequence, documents.Int(8));
    root->documents.Set(std::move(document));
  }
  if (ring != nullptr) {
    RETURN_IF_ERROR(FillRing(database, state.ids, history_transactions, *root, ring));
  }
  state.root = std::move(root);
  ASSIGN_OR_RETURN(const int version, SchemaVersion(database));
  state.metadata_sequence = -1;
  // A check may look at an older database, which it leaves as it is.
  if (version >= kSchemaWithMetadata) RETURN_IF_ERROR(LoadMetadata(database, {}, &state));
  return state;
}

absl::Status LoadMetadata(Database& database, const std::set<DocumentKey>& changed,
                          LoadedState* state) {
  ASSIGN_OR_RETURN(std::vector<MetadataRow> rows, ReadMetadata(database, state->metadata_sequence));
  for (const DocumentKey& key : changed) {
    ASSIGN_OR_RETURN(std::optional<MetadataRow> row,
                     ReadMetadataOf(database, state->ids.Find(key)));
    if (row.has_value()) rows.push_back(*std::move(row));
  }
  if (rows.empty()) return absl::OkStatus();
  auto root = std::make_shared<Root>(*state->root);
  for (MetadataRow& row : rows) {
    state->metadata_sequence = std::max(state->metadata_sequence, row.sequence);
    const DocumentKey* key = state->ids.Find(row.document);
    const DocumentState* before = key == nullptr ? nullptr : root->Find(*key);
    if (before == nullptr) continue;
    auto after = std::make_shared<DocumentState>(*before);
    after->metadata = std::make_shared<const CategoryMetadata>(std::move(row.metadata));
    root->documents.Set(std::move(after));
  }
  state->root = std::move(root);
  return absl::OkStatus();
}

absl::StatusOr<bool> LoadDescriptions(Database& database, int64_t after_sequence,
                                      LoadedState* state) {
  ASSIGN_OR_RETURN(Statement documents, database.Prepare(kDocuments));
  documents.Bind(1, after_sequence + 1);
  auto root = std::make_shared<Root>(*state->root);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, documents.Step());
    if (!row) break;
    const DocumentState* before = root->Find(KeyOf(documents));
    if (before == nullptr) continue;
    if (AsBytes(before->document->etag()) != documents.Bytes(3)) return false;
    auto after = std::make_shared<DocumentState>(*before);
    RETURN_IF_ERROR(LoadDescription(database, documents, after.get()));
    state->source_sequence = std::max(state->source_sequence, documents.Int(8));
    root->documents.Set(std::move(after));
  }
  state->root = std::move(root);
  return true;
}

}  // namespace modelref

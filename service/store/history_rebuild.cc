#include "service/store/history_rebuild.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "backends/document_changes.h"
#include "service/store/document_adoption.h"
#include "service/store/file_base.h"
#include "service/store/metadata_rows.h"
#include "service/store/prepared_transaction.h"
#include "service/store/store_identity.h"

namespace modelref {
namespace {

constexpr char kCaller[] = "external:repair";
// Ids that were given and then lost without a trace must not come again.
constexpr uint64_t kSkippedIds = 1'000'000;

// What the file of a document holds; null when it cannot be read.
SnapshotPtr ReadFileOf(const DocumentKey& key, const RebuildOptions& options, bool backup) {
  std::string path = options.path_of(key);
  if (path.empty()) return nullptr;
  DocumentForm form = options.form;
  form.format = key.format;
  form.is_table = IsTableFile(path);
  if (backup) path = std::filesystem::path(path).replace_extension(".bak").string();
  absl::StatusOr<SnapshotPtr> file = ReadDocumentFile(path, form);
  // One that looks cut short tells nothing for sure.
  return file.ok() && (*file)->suspicion.empty() ? *std::move(file) : nullptr;
}

absl::StatusOr<std::vector<Entry>> ReadGoodEntries(Database& database, int64_t document) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT id, name, json, etag, mod_revision FROM records WHERE "
                                    "id >= ? AND id < ? ORDER BY id"));
  query.Bind(1, RecordId(document, 0)).Bind(2, RecordId(document + 1, 0));
  std::vector<Entry> entries;
  std::set<std::string> names;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return entries;
    Entry entry;
    entry.record = MakeRecord(std::string(query.Bytes(1)), std::string(query.Bytes(2)));
    entry.order = static_cast<uint64_t>(query.Int(0) - RecordId(document, 0));
    entry.mod_revision = query.Unsigned(4);
    const bool is_good = AsBytes(entry.record->etag) == query.Bytes(3);
    if (is_good && names.insert(entry.record->name).second) entries.push_back(std::move(entry));
  }
}

absl::StatusOr<std::map<DocumentKey, SalvagedDocument>> ReadSalvaged(Database& database) {
  std::map<DocumentKey, SalvagedDocument> documents;
  ASSIGN_OR_RETURN(Statement query, database.Prepare("SELECT id, category, format, etag, "
                                                     "mod_revision, known FROM documents"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return documents;
    const DocumentKey key{std::string(query.Bytes(1)),
                          query.Int(2) == 1 ? Format::kLegacy : Format::kV2};
    SalvagedDocument& document = documents[key];
    const absl::string_view etag = query.Bytes(3);
    std::copy_n(etag.begin(), std::min(etag.size(), document.etag.size()), document.etag.begin());
    document.mod_revision = query.Unsigned(4);
    document.known = query.Int(5) != 0;
    ASSIGN_OR_RETURN(document.entries, ReadGoodEntries(database, query.Int(0)));
    ASSIGN_OR_RETURN(document.file_base, ReadFileBase(database, query.Int(0)));
  }
}

// Of rows that may not be what was written.
absl::StatusOr<uint64_t> HighestId(Database& database) {
  ASSIGN_OR_RETURN(uint64_t highest, HeadOf(database));
  for (const char* sql :
       {"SELECT max(id) FROM events", "SELECT max(mod_revision) FROM documents",
        "SELECT max(mod_revision) FROM records", "SELECT max(revision) FROM versions"}) {
    ASSIGN_OR_RETURN(const int64_t id, database.QueryInt(sql));
    highest = std::max(highest, static_cast<uint64_t>(std::max<int64_t>(id, 0)));
  }
  return highest;
}

constexpr char kForgetHistory[] =
    "DELETE FROM transactions; DELETE FROM events; DELETE FROM versions; DELETE FROM records;"
    "DELETE FROM problems; DELETE FROM file_base; DELETE FROM files; DELETE FROM file_intents;"
    "DELETE FROM category_metadata WHERE document NOT IN (SELECT id FROM documents);"
    "DELETE FROM projections; DELETE FROM held WHERE document NOT IN (SELECT id FROM documents);"
    "DELETE FROM held_changes WHERE held NOT IN (SELECT id FROM held)";

absl::Status ForgetHistory(Database& database) {
  RETURN_IF_ERROR(database.Execute(kForgetHistory));
  ASSIGN_OR_RETURN(Statement clear,
                   database.Prepare("UPDATE documents SET etag = ?, mod_revision = 0, "
                                    "commit_time_us = 0, next_order = 0, known = 0, "
                                    "source_sequence = 0, source_text = NULL"));
  const Etag empty = Document::Empty()->etag();
  return clear.BindBlob(1, AsBytes(empty)).Run();
}

struct Found {
  RepairedContent content;
  SnapshotPtr file;
  bool has_content = false;
};

Found Find(const DocumentKey& key, const SalvagedDocument& salvaged, const TrailDocument& trail,
           const RebuildOptions& options) {
  Found found;
  found.file = ReadFileOf(key, options, false);
  SnapshotPtr text = found.file;
  const bool is_elsewhere = !salvaged.entries.empty() || !trail.records.empty();
  if (text == nullptr && !is_elsewhere) text = ReadFileOf(key, options, true);
  found.content = RepairContent(salvaged, trail, text == nullptr ? nullptr : text->document.get());
  found.has_content = salvaged.known || is_elsewhere || text != nullptr;
  return found;
}

// The content in the form of a file that was read.
SnapshotPtr SnapshotOf(const Found& found) {
  const bool is_file =
      found.file != nullptr && found.file->document->etag() == found.content.document->etag();
  if (is_file) return found.file;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->document = found.content.document;
  if (found.file != nullptr) snapshot->problems = found.file->problems;
  return snapshot;
}

// Positions of the old epoch are of this history only when all of it is here.
absl::Status ShareNothing(Database& database) {
  return database.Execute(
      "UPDATE forks SET parent_revision = 0 WHERE position = (SELECT max(position) FROM forks)");
}

absl::StatusOr<RepairedDocuments> TakeAll(Database& database,
                                          const std::map<DocumentKey, Found>& found,
                                          const RebuildOptions& options) {
  std::set<DocumentKey> keys;
  for (const auto& [key, each] : found) keys.insert(key);
  ASSIGN_OR_RETURN(AdoptedTrail trail, ReadAdoptedTrail(options.audit_root, keys));
  ASSIGN_OR_RETURN(LoadedState state, LoadState(database, 0, nullptr));
  DocumentAdoption adoption(database, std::move(state), kCaller, options.now);
  RepairedDocuments documents;
  uint64_t events = 0;
  for (const auto& [key, each] : found) {
    const AdoptedContent content{SnapshotOf(each), each.file, trail.documents[key]};
    RETURN_IF_ERROR(adoption.Take(key, content, &events));
    documents.emplace(key, each.content);
  }
  return documents;
}

absl::Status NoteFiles(Database& database, const LoadedState& state, const Root& root,
                       const std::map<DocumentKey, Found>& found) {
  for (const auto& [key, each] : found) {
    const int64_t id = state.ids.Find(key);
    ASSIGN_OR_RETURN(const RecordEtags base, ReadFileBase(database, id));
    RETURN_IF_ERROR(database.Execute(absl::StrCat("DELETE FROM file_intents WHERE document = ", id,
                                                  "; DELETE FROM files WHERE document = ", id)));
    if (each.file == nullptr) continue;
    RETURN_IF_ERROR(SetFileBase(database, id, base, *each.file->document));
    const DocumentState& now = *root.Find(key);
    const bool shows_it = each.file->document->etag() == now.document->etag();
    RETURN_IF_ERROR(WriteFileState(database, id,
                                   {shows_it ? now.mod_revision : 0, each.file->version,
                                    each.file->content_sha256, each.file->source_bytes}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> HeadOf(Database& database) {
  ASSIGN_OR_RETURN(const int64_t newest,
                   database.QueryInt("SELECT max(revision) FROM transactions"));
  ASSIGN_OR_RETURN(const std::string text, ReadMeta(database, kMetaBaseRevision));
  uint64_t base = 0;
  if (!absl::SimpleAtoi(text, &base)) base = 0;
  return std::max(base, static_cast<uint64_t>(std::max<int64_t>(newest, 0)));
}

absl::StatusOr<RepairedDocuments> RebuildHistory(Database& database,
                                                 const std::vector<DocumentKey>& keys,
                                                 const RebuildOptions& options) {
  RETURN_IF_ERROR(database.Execute(
      "DELETE FROM documents WHERE format NOT IN (1, 2) OR typeof(category) <> 'text';"
      "DELETE FROM meta WHERE name = 'epoch' AND length(value) <> 16"));
  ASSIGN_OR_RETURN(const std::string parent, ReadMeta(database, kMetaEpoch));
  RETURN_IF_ERROR(PrepareIdentity(database, options.identity_directory, keys));
  ASSIGN_OR_RETURN(const auto salvaged, ReadSalvaged(database));
  ASSIGN_OR_RETURN(auto trail, ReadTrailValues(options.audit_root));
  ASSIGN_OR_RETURN(const TrailHead trail_head, ReadTrailHead(options.audit_root, 0));
  ASSIGN_OR_RETURN(uint64_t highest, HighestId(database));
  highest = std::max(highest, trail_head.last_event_id);
  std::map<DocumentKey, Found> found;
  bool is_exact = true;
  for (const auto& [key, document] : salvaged) {
    highest = std::max(highest, trail[key].last_event_id);
    Found each = Find(key, document, trail[key], options);
    if (!each.has_content) continue;
    is_exact = is_exact && each.content.is_exact;
    found.emplace(key, std::move(each));
  }
  ASSIGN_OR_RETURN(WriteTransaction transaction, WriteTransaction::Begin(database));
  if (parent.empty()) {
    RETURN_IF_ERROR(WriteMeta(database, kMetaBaseRevision, absl::StrCat(highest + kSkippedIds)));
  } else {
    RETURN_IF_ERROR(ForkEpoch(database, highest + kSkippedIds));
    if (!is_exact) RETURN_IF_ERROR(ShareNothing(database));
  }
  RETURN_IF_ERROR(FoldMetadata(database, options.now));
  RETURN_IF_ERROR(ForgetHistory(database));
  ASSIGN_OR_RETURN(RepairedDocuments documents, TakeAll(database, found, options));
  RETURN_IF_ERROR(transaction.Commit());
  return documents;
}

absl::StatusOr<RepairedDocuments> ReconcileDocuments(Database& database,
                                                     const RebuildOptions& options, Reconcile why) {
  ASSIGN_OR_RETURN(const auto salvaged, ReadSalvaged(database));
  ASSIGN_OR_RETURN(auto trail, ReadTrailValues(options.audit_root));
  ASSIGN_OR_RETURN(const TrailHead trail_head, ReadTrailHead(options.audit_root, 0));
  ASSIGN_OR_RETURN(const uint64_t head, HeadOf(database));
  std::map<DocumentKey, Found> found;
  for (const auto& [key, document] : salvaged) {
    const bool is_behind = trail[key].last_event_id > head;
    if (why == Reconcile::kLostTransactions && !is_behind) continue;
    Found each = Find(key, document, trail[key], options);
    if (each.has_content) found.emplace(key, std::move(each));
  }
  ASSIGN_OR_RETURN(WriteTransaction transaction, WriteTransaction::Begin(database));
  if (why == Reconcile::kLostTransactions) {
    RETURN_IF_ERROR(ForkEpoch(database, std::max(head, trail_head.last_event_id) + kSkippedIds));
  }
  ASSIGN_OR_RETURN(const LoadedState state, LoadState(database, 0, nullptr));
  std::vector<DocumentEdit> edits;
  RepairedDocuments documents;
  for (const auto& [key, each] : found) {
    DocumentEdit edit;
    edit.key = key;
    edit.changes = ChangesBetween(*state.root->Find(key)->document, *each.content.document);
    if (!edit.changes.empty()) edits.push_back(std::move(edit));
    documents.emplace(key, each.content);
  }
  const absl::Time now = std::max(options.now, state.root->time);
  const TransactionOrigin origin{kCaller, "", absl::FromUnixMicros(absl::ToUnixMicros(now))};
  ASSIGN_OR_RETURN(const PreparedTransaction prepared,
                   PrepareTransaction(state.root, std::move(edits), origin));
  RETURN_IF_ERROR(WriteTransactionRows(database, state.ids, *state.root, prepared, origin));
  RETURN_IF_ERROR(NoteFiles(database, state, *prepared.root, found));
  RETURN_IF_ERROR(transaction.Commit());
  return documents;
}

}  // namespace modelref

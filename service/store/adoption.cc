#include "service/store/adoption.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/failpoint.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/adopted_rows.h"
#include "service/store/file_base.h"
#include "service/store/prepared_transaction.h"
#include "service/store/schema.h"
#include "service/store/store_identity.h"
#include "service/store/store_reader.h"
#include "service/store/three_way.h"

namespace modelref {
namespace {

constexpr char kCaller[] = "external:adopt";
constexpr char kDatabaseFile[] = "/store.db";

// What is to become of one document.
struct Found {
  SnapshotPtr snapshot;
  bool is_in_place = false;  // Its file holds it.
  AdoptedHistory history;
};

// The documents that nobody has taken over yet.
absl::StatusOr<std::set<DocumentKey>> ListUnknown(Database& database) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT category, format FROM documents WHERE known = 0"));
  std::set<DocumentKey> unknown;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return unknown;
    unknown.insert(
        {std::string(query.Bytes(0)), query.Int(1) == 1 ? Format::kLegacy : Format::kV2});
  }
}

// The head of the store; nullopt before its first transaction.
absl::StatusOr<std::optional<uint64_t>> ReadHead(Database& database) {
  ASSIGN_OR_RETURN(const int64_t newest,
                   database.QueryInt("SELECT max(revision) FROM transactions"));
  ASSIGN_OR_RETURN(const std::string base, ReadMeta(database, kMetaBaseRevision));
  uint64_t head = 0;
  if (!base.empty() && !absl::SimpleAtoi(base, &head)) head = 0;
  if (newest == 0 && base.empty()) return std::optional<uint64_t>();
  return std::optional<uint64_t>(std::max(head, static_cast<uint64_t>(newest)));
}

// The content as the trail says, when no file has it.
SnapshotPtr SnapshotOf(const AdoptedHistory& history) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->document = history.document;
  return snapshot;
}

// NOT_FOUND: there is nothing to take over.
absl::StatusOr<Found> FindContent(const DocumentKey& key, const AdoptionOptions& options,
                                  const AdoptedHistory& history) {
  const std::string path = options.path_of(key);
  if (path.empty()) return absl::NotFoundError("no file");
  DocumentForm form = options.form;
  form.format = key.format;
  form.is_table = IsTableFile(path);
  absl::StatusOr<SnapshotPtr> in_place = ReadDocumentFile(path, form);
  if (in_place.ok()) return Found{*std::move(in_place), true, history};
  const absl::Status error = in_place.status();
  if (!absl::IsNotFound(error) && !absl::IsDataLoss(error)) return error;
  const std::string backup = std::filesystem::path(path).replace_extension(".bak").string();
  const absl::StatusOr<SnapshotPtr> kept = ReadDocumentFile(backup, form);
  const bool from_trail = !kept.ok() && history.document->record_count() > 0;
  if (!kept.ok() && !from_trail) return error;
  Log(LogLevel::kWarning, "store.adopted_from_elsewhere",
      {{"document", key.ToString()},
       {"source", from_trail ? "the audit trail" : backup},
       {"error", std::string(error.message())}});
  return Found{from_trail ? SnapshotOf(history) : *kept, false, history};
}

// The records that the trail explains, in the order of the file, then those that the file lost.
DocumentPtr ExplainedIn(const Document& file, const AdoptedHistory& history) {
  std::vector<RecordPtr> records;
  file.ForEach([&](const Entry& entry) {
    const Entry* explained = history.document->Find(entry.record->name);
    if (explained != nullptr) records.push_back(explained->record);
  });
  history.document->ForEach([&](const Entry& entry) {
    if (file.Find(entry.record->name) == nullptr) records.push_back(entry.record);
  });
  return Document::FromRecords(std::move(records), history.last_event_id);
}

// The steps from what is explained to what the file holds.
absl::StatusOr<DocumentEdit> EditTo(const DocumentKey& key, const Document& explained,
                                    const Snapshot& snapshot) {
  DocumentEdit edit;
  edit.key = key;
  edit.from_source = true;
  edit.source_text = snapshot.source_text;
  edit.problems = snapshot.problems;
  if (explained.record_count() == 0) {
    edit.replacement = snapshot.document;
    return edit;
  }
  RecordEtags base;
  explained.ForEach([&](const Entry& entry) { base[entry.record->name] = entry.record->etag; });
  const auto never = [](const std::string&, const RecordValue&) -> absl::StatusOr<bool> {
    return false;
  };
  // A record that cannot be represented counts as gone unless the trail has a good value of it.
  ASSIGN_OR_RETURN(FileEdit merged,
                   MergeThreeWays(explained, base, *snapshot.document, snapshot.problems, never));
  edit.changes = std::move(merged.changes);
  return edit;
}

class Adoption {
 public:
  Adoption(Database& database, LoadedState state, absl::Time now)
      : database_(database), state_(std::move(state)), now_(now) {}

  // Adds the events it made to `events`.
  absl::Status Take(const DocumentKey& key, const Found& found, uint64_t* events) {
    const int64_t id = state_.ids.Find(key);
    auto explained = std::make_shared<DocumentState>(*state_.root->Find(key));
    explained->document = ExplainedIn(*found.snapshot->document, found.history);
    explained->mod_revision = found.history.last_event_id;
    explained->commit_time = found.history.time;
    RETURN_IF_ERROR(WriteAdoptedContent(database_, id, *explained));
    auto base = std::make_shared<Root>(*state_.root);
    const DocumentPtr content = explained->document;
    base->documents[key] = std::move(explained);
    ASSIGN_OR_RETURN(DocumentEdit edit, EditTo(key, *content, *found.snapshot));
    const TransactionOrigin origin{
        kCaller, "", absl::FromUnixMicros(absl::ToUnixMicros(std::max(now_, base->time)))};
    std::vector<DocumentEdit> edits;
    edits.push_back(std::move(edit));
    ASSIGN_OR_RETURN(const PreparedTransaction prepared,
                     PrepareTransaction(base, std::move(edits), origin));
    RETURN_IF_ERROR(WriteTransactionRows(database_, state_.ids, *base, prepared, origin));
    *events += prepared.events.size();
    state_.root = prepared.root;
    if (!found.is_in_place) return absl::OkStatus();
    return NoteFile(id, *found.snapshot, *prepared.root->Find(key));
  }

 private:
  absl::Status NoteFile(int64_t id, const Snapshot& snapshot, const DocumentState& state) {
    const bool shows_it =
        state.key.format == Format::kLegacy || snapshot.document->etag() == state.document->etag();
    RETURN_IF_ERROR(SetFileBase(database_, id, {}, *snapshot.document));
    return WriteFileState(database_, id,
                          {shows_it ? state.mod_revision : 0, snapshot.version,
                           snapshot.content_sha256, snapshot.source_bytes});
  }

  Database& database_;
  LoadedState state_;
  const absl::Time now_;
};

// The ids of the trail count as given.
absl::Status SkipIds(Database& database, uint64_t last_event_id, AdoptionReport* report) {
  ASSIGN_OR_RETURN(const std::optional<uint64_t> head, ReadHead(database));
  if (!head.has_value()) {
    return WriteMeta(database, kMetaBaseRevision, absl::StrCat(last_event_id));
  }
  if (last_event_id <= *head) return absl::OkStatus();
  report->forked = true;
  Log(LogLevel::kWarning, "store.epoch_forked",
      {{"reason", "the audit trail is newer than the store"},
       {"store", absl::StrCat(*head)},
       {"trail", absl::StrCat(last_event_id)}});
  return ForkEpoch(database, last_event_id);
}

absl::StatusOr<std::unique_ptr<Database>> Open(const std::vector<DocumentKey>& keys,
                                               const AdoptionOptions& options) {
  RETURN_IF_ERROR(CreateDirectories(options.store_directory));
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                   Database::Open(options.store_directory + kDatabaseFile, {}));
  RETURN_IF_ERROR(PrepareSchema(*database));
  RETURN_IF_ERROR(PrepareIdentity(*database, options.store_directory, keys));
  return database;
}

void LogReport(const AdoptionReport& report) {
  if (report.documents > 0) {
    Log(LogLevel::kInfo, "store.adopted",
        {{"documents", absl::StrCat(report.documents)},
         {"events", absl::StrCat(report.events)},
         {"unreadable_audit_lines", absl::StrCat(report.unreadable_lines)}});
  }
  if (report.trail.colliding_lines > 0) {
    Log(LogLevel::kWarning, "store.foreign_audit_ids",
        {{"lines", absl::StrCat(report.trail.colliding_lines)},
         {"effect",
          "kept as they are; another program wrote audit lines with ids that were taken"}});
  }
}

}  // namespace

absl::StatusOr<AdoptionReport> AdoptDirectory(const std::vector<DocumentKey>& keys, Clock& clock,
                                              const AdoptionOptions& options) {
  AdoptionReport report;
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, Open(keys, options));
  ASSIGN_OR_RETURN(const std::optional<uint64_t> head, ReadHead(*database));
  ASSIGN_OR_RETURN(report.trail, ReadTrailHead(options.audit_root, head.value_or(0)));
  ASSIGN_OR_RETURN(const std::set<DocumentKey> unknown, ListUnknown(*database));
  AdoptedTrail trail;
  if (!unknown.empty()) {
    ASSIGN_OR_RETURN(trail, ReadAdoptedTrail(options.audit_root, unknown));
  }
  report.unreadable_lines = trail.stats.unreadable_lines;
  report.trail.last_event_id = std::max(report.trail.last_event_id, trail.stats.max_event_id);
  std::map<DocumentKey, Found> found;
  for (const DocumentKey& key : unknown) {
    absl::StatusOr<Found> content = FindContent(key, options, trail.documents[key]);
    if (content.ok()) {
      found.emplace(key, *std::move(content));
    } else if (!absl::IsNotFound(content.status())) {
      report.damaged[key] = content.status();
    }
  }
  ASSIGN_OR_RETURN(WriteTransaction transaction, WriteTransaction::Begin(*database));
  RETURN_IF_ERROR(SkipIds(*database, report.trail.last_event_id, &report));
  // Again under the lock: another process may have been first.
  ASSIGN_OR_RETURN(const std::set<DocumentKey> still_unknown, ListUnknown(*database));
  if (!found.empty() && !still_unknown.empty()) {
    ASSIGN_OR_RETURN(LoadedState state, LoadState(*database, 0, nullptr));
    Adoption adoption(*database, std::move(state), clock.TimeNow());
    for (const auto& [key, content] : found) {
      if (still_unknown.count(key) == 0) continue;
      RETURN_IF_ERROR(Annotated(adoption.Take(key, content, &report.events), key.ToString()));
      ++report.documents;
    }
  }
  FAILPOINT("adoption.before_commit");
  RETURN_IF_ERROR(transaction.Commit());
  FAILPOINT("adoption.after_commit");
  LogReport(report);
  return report;
}

}  // namespace modelref

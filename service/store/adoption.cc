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
#include "service/store/document_adoption.h"
#include "service/store/metadata_rows.h"
#include "service/store/schema.h"
#include "service/store/store_identity.h"
#include "service/store/store_lock.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

constexpr char kCaller[] = "external:adopt";
constexpr char kDatabaseFile[] = "/store.db";

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
absl::StatusOr<AdoptedContent> FindContent(const DocumentKey& key, const AdoptionOptions& options,
                                           const AdoptedHistory& history) {
  const std::string path = options.path_of(key);
  if (path.empty()) return absl::NotFoundError("no file");
  DocumentForm form = options.form;
  form.format = key.format;
  form.is_table = IsTableFile(path);
  absl::StatusOr<SnapshotPtr> in_place = ReadDocumentFile(path, form);
  if (in_place.ok()) return AdoptedContent{*in_place, *in_place, history};
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
  return AdoptedContent{from_trail ? SnapshotOf(history) : *kept, nullptr, history};
}

absl::StatusOr<CategoryMetadata> ReadMetadataFile(const std::string& path, absl::Time now) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileToString(path, kMaxMetadataFileBytes));
  return ParseMetadataFile(bytes, now);
}

// Takes over the metadata files of documents for which nobody has looked yet.
absl::Status TakeMetadata(Database& database, const std::vector<DocumentKey>& keys, absl::Time now,
                          const AdoptionOptions& options, AdoptionReport* report) {
  if (options.metadata_path_of == nullptr) return absl::OkStatus();
  for (const DocumentKey& key : keys) {
    ASSIGN_OR_RETURN(const int64_t id, DocumentId(database, key));
    ASSIGN_OR_RETURN(const std::optional<MetadataRow> row, ReadMetadataOf(database, id));
    if (id == 0 || (row.has_value() && row->base.has_value())) continue;
    const std::string path = options.metadata_path_of(key);
    absl::StatusOr<CategoryMetadata> file = ReadMetadataFile(path, now);
    if (absl::IsNotFound(file.status())) {
      RETURN_IF_ERROR(TakeOverMetadata(database, id, nullptr));
      continue;
    }
    if (!file.ok()) {
      Log(LogLevel::kWarning, "store.metadata_file_unusable",
          {{"path", path},
           {"error", std::string(file.status().message())},
           {"effect", "its counters begin anew"}});
      file = BeginMetadata(now);
    }
    RETURN_IF_ERROR(TakeOverMetadata(database, id, &*file));
    ++report->metadata_files;
  }
  return absl::OkStatus();
}

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
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                   Database::Open(options.store_directory + kDatabaseFile, {}));
  RETURN_IF_ERROR(PrepareSchema(*database));
  RETURN_IF_ERROR(PrepareIdentity(*database, options.store_directory, keys));
  return database;
}

void LogReport(const AdoptionReport& report) {
  if (report.documents > 0 || report.metadata_files > 0) {
    Log(LogLevel::kInfo, "store.adopted",
        {{"documents", absl::StrCat(report.documents)},
         {"events", absl::StrCat(report.events)},
         {"metadata_files", absl::StrCat(report.metadata_files)},
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
  RETURN_IF_ERROR(CreateDirectories(options.store_directory));
  ASSIGN_OR_RETURN(const FileLock lock, LockStoreToUse(options.store_directory));
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, Open(keys, options));
  ASSIGN_OR_RETURN(const std::optional<uint64_t> head, ReadHead(*database));
  ASSIGN_OR_RETURN(report.trail, ReadTrailHead(options.audit_root, head.value_or(0)));
  ASSIGN_OR_RETURN(const std::set<DocumentKey> unknown, ListUnknown(*database));
  AdoptedTrail trail;
  if (!unknown.empty()) {
    // Ids begin above those of every line there is; later only what is still unknown may have come.
    const AdoptedSeries series = head.has_value() ? AdoptedSeries::kOfKeys : AdoptedSeries::kAll;
    ASSIGN_OR_RETURN(trail, ReadAdoptedTrail(options.audit_root, unknown, series));
  }
  report.unreadable_lines = trail.stats.unreadable_lines;
  report.trail.last_event_id = std::max(report.trail.last_event_id, trail.stats.max_event_id);
  std::map<DocumentKey, AdoptedContent> found;
  for (const DocumentKey& key : unknown) {
    absl::StatusOr<AdoptedContent> content = FindContent(key, options, trail.documents[key]);
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
    DocumentAdoption adoption(*database, std::move(state), kCaller, clock.TimeNow());
    for (const auto& [key, content] : found) {
      if (still_unknown.count(key) == 0) continue;
      RETURN_IF_ERROR(Annotated(adoption.Take(key, content, &report.events), key.ToString()));
      ++report.documents;
    }
  }
  RETURN_IF_ERROR(TakeMetadata(*database, keys, clock.TimeNow(), options, &report));
  FAILPOINT("adoption.before_commit");
  RETURN_IF_ERROR(transaction.Commit());
  FAILPOINT("adoption.after_commit");
  LogReport(report);
  return report;
}

}  // namespace modelref

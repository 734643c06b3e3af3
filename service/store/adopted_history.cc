#include "service/store/adopted_history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "audit/layout.h"
#include "audit/line.h"
#include "audit/line_reader.h"
#include "audit/log_file.h"
#include "backends/base/categories.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_names.h"

namespace modelref {
namespace {

// The entries that readers get for a base record (H 3.9): itself as it is, the others generated.
std::vector<RecordPtr> TextEntries(const RecordPtr& base) {
  std::vector<RecordPtr> entries;
  const absl::StatusOr<Json> json = ParseJson(base->json);
  const JsonObject document =
      TextLegacyDocument({TextRowOfLegacyRecord(base->name, *json->AsObject())});
  for (const auto& [name, record] : document.members()) {
    entries.push_back(name == base->name ? base : MakeRecord(name, CanonicalJson(record)));
  }
  return entries;
}

AdoptedHistory Finish(const DocumentKey& key, ReplayedDocument replayed) {
  AdoptedHistory history;
  history.last_event_id = replayed.last_event_id;
  std::vector<RecordPtr> records;
  std::set<std::string> names;
  for (const ReplayedRecord& replay : replayed.records) {
    if (IsTextEntry(key, replay.name)) continue;  // Follows from its base record.
    const RecordPtr record = RecordOfReplay(replay);
    if (record == nullptr) {
      ++history.unexplained;
      continue;
    }
    for (const RecordPtr& entry : EntriesOf(key, record)) {
      if (names.insert(entry->name).second) records.push_back(entry);
    }
  }
  history.document = Document::FromRecords(std::move(records), history.last_event_id);
  return history;
}

absl::Status LookAtFile(const std::string& path, uint64_t newest, TrailHead* head) {
  ASSIGN_OR_RETURN(LogFile file, LogFile::Open(path, LogFile::Mode::kRead));
  LineReader reader(std::move(file), 0, UINT64_MAX);
  bool has_ours = false;
  AuditLinePiece piece;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, reader.Next(&piece));
    if (!found) return absl::OkStatus();
    if (!piece.whole()) continue;
    if (const std::optional<AuditSeal> seal = FindAuditSeal(piece.text); seal.has_value()) {
      has_ours = true;
      head->last_event_id = std::max(head->last_event_id, seal->event_id);
      continue;
    }
    const absl::StatusOr<AuditEvent> event = ParseAuditLine(piece.text);
    if (!event.ok()) continue;
    head->last_event_id = std::max(head->last_event_id, event->event_id);
    if (!has_ours) continue;
    ++head->foreign_lines;
    if (event->event_id <= newest) ++head->colliding_lines;
  }
}

}  // namespace

RecordPtr RecordOfReplay(const ReplayedRecord& record) {
  if (!ValidateModelName(record.name).ok()) return nullptr;
  const absl::StatusOr<Json> json = ParseJson(record.json);
  if (!json.ok() || json->AsObject() == nullptr) return nullptr;
  return MakeRecord(record.name, CanonicalJson(*json));
}

std::vector<RecordPtr> EntriesOf(const DocumentKey& key, const RecordPtr& record) {
  return HasTextEntries(key) ? TextEntries(record) : std::vector<RecordPtr>{record};
}

absl::StatusOr<AdoptedTrail> ReadAdoptedTrail(const std::string& root,
                                              const std::set<DocumentKey>& keys,
                                              AdoptedSeries series) {
  std::map<DocumentKey, DocumentReplay> replays;
  std::map<DocumentKey, int64_t> seconds;
  const auto visit = [&](const AuditEvent& event) {
    const DocumentKey key = event.key();
    if (keys.count(key) == 0) return true;
    replays[key].Apply(event);
    seconds[key] = event.timestamp;
    return true;
  };
  AdoptedTrail trail;
  if (series == AdoptedSeries::kAll) {
    ASSIGN_OR_RETURN(trail.stats, ReadAudit(root, {}, visit));
  } else {
    for (const DocumentKey& key : keys) {
      const AuditFilter filter{.domains = {key.format}, .categories = {key.category}};
      ASSIGN_OR_RETURN(const AuditReadStats stats, ReadAudit(root, filter, visit));
      trail.stats.unreadable_lines += stats.unreadable_lines;
      trail.stats.max_event_id = std::max(trail.stats.max_event_id, stats.max_event_id);
    }
  }
  for (auto& [key, replay] : replays) {
    AdoptedHistory history = Finish(key, std::move(replay).Finish());
    history.time = absl::FromUnixSeconds(seconds[key]);
    trail.documents.emplace(key, std::move(history));
  }
  return trail;
}

absl::StatusOr<TrailHead> ReadTrailHead(const std::string& root, uint64_t newest) {
  TrailHead head;
  head.last_event_id = ReadAuditIndex(root).value_or(0);
  ASSIGN_OR_RETURN(const std::vector<DocumentKey> series, ListAuditSeries(root));
  for (const DocumentKey& key : series) {
    const std::string folder = absl::StrCat(root, "/", AuditSeriesName(key));
    ASSIGN_OR_RETURN(const std::vector<std::string> files, ListAuditFiles(folder));
    if (files.empty()) continue;
    RETURN_IF_ERROR(LookAtFile(absl::StrCat(folder, "/", files.back()), newest, &head));
  }
  return head;
}

}  // namespace modelref

#include "service/store/audit_projection.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "backends/convert/text_names.h"

namespace modelref {
namespace {

// Its columns are those of EventOf.
constexpr char kEvents[] =
    "SELECT e.id, e.revision, e.name, e.operation, e.before, e.after, d.category, d.format, "
    "t.time_us, t.caller, t.request FROM events e LEFT JOIN documents d ON d.id = e.document "
    "LEFT JOIN transactions t ON t.revision = e.revision ";

const std::string& EventsAfter() {
  static const auto& sql = *new std::string(absl::StrCat(kEvents, "WHERE e.id > ? ORDER BY e.id"));
  return sql;
}

const std::string& EventsOfDocument() {
  static const auto& sql = *new std::string(
      absl::StrCat(kEvents, "WHERE e.document = ? AND e.id > ? AND e.id <= ? ORDER BY e.id"));
  return sql;
}

constexpr int64_t kMicrosPerSecond = 1'000'000;

absl::Status Damaged(uint64_t event_id, absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "STORE_DAMAGED",
               absl::StrCat("event ", event_id, " of the store ", what));
}

std::optional<std::string> BlobOf(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return std::string(row.Bytes(column));
}

// Rounds towards the past, as a clock of seconds does.
int64_t SecondsOf(int64_t micros) {
  return micros / kMicrosPerSecond - (micros % kMicrosPerSecond < 0 ? 1 : 0);
}

absl::Status SetPayload(const Statement& row, AuditEvent* event) {
  event->before = BlobOf(row, 4);
  event->after = BlobOf(row, 5);
  const bool changes = event->operation == AuditOperation::kUpdate && event->before.has_value() &&
                       event->after.has_value();
  if (!changes) return absl::OkStatus();
  const std::string before = *std::exchange(event->before, std::nullopt);
  const std::string after = *std::exchange(event->after, std::nullopt);
  const absl::Status described = DescribeUpdate(before, after, event);
  return described.ok() ? described : Damaged(event->event_id, described.message());
}

absl::StatusOr<AuditEvent> EventOf(const Statement& row) {
  AuditEvent event;
  event.event_id = row.Unsigned(0);
  if (row.IsNull(6) || row.IsNull(8)) {
    return Damaged(event.event_id, "is of no document or of no transaction");
  }
  event.txn = row.Unsigned(1);
  event.model_name = std::string(row.Bytes(2));
  event.operation = static_cast<AuditOperation>(row.Int(3));
  event.category = std::string(row.Bytes(6));
  event.format = static_cast<Format>(row.Int(7));
  event.time_us = row.Int(8);
  event.timestamp = SecondsOf(*event.time_us);
  event.logical_user_id = std::string(row.Bytes(9));
  if (!row.Bytes(10).empty()) event.request_id = std::string(row.Bytes(10));
  RETURN_IF_ERROR(SetPayload(row, &event));
  return event;
}

// The original has no such record: it follows from the base record, whose events have lines.
bool IsGenerated(const AuditEvent& event) {
  return IsTextEntry({event.category, event.format}, event.model_name);
}

// Whether the database has the event of a line, and not another one by the same id.
bool Knows(Database& reader, const AuditSeal& line) {
  absl::StatusOr<Statement> query =
      reader.Prepare("SELECT 1 FROM events WHERE id = ? AND revision = ?");
  if (!query.ok()) return false;
  query->Bind(1, line.event_id).Bind(2, line.txn);
  return query->Step().value_or(false);
}

struct DocumentRow {
  int64_t id = 0;
  DocumentKey key;
  uint64_t last_event_id = 0;  // 0: none up to the offset.
};

absl::StatusOr<std::vector<DocumentRow>> ReadDocuments(Database& reader, uint64_t offset) {
  ASSIGN_OR_RETURN(Statement query,
                   reader.Prepare("SELECT id, category, format, (SELECT max(e.id) FROM events e "
                                  "WHERE e.document = documents.id AND e.id <= ?) FROM documents"));
  query.Bind(1, offset);
  std::vector<DocumentRow> documents;
  while (true) {
    ASSIGN_OR_RETURN(const bool has_row, query.Step());
    if (!has_row) return documents;
    documents.push_back({query.Int(0),
                         {std::string(query.Bytes(1)), static_cast<Format>(query.Int(2))},
                         query.Unsigned(3)});
  }
}

}  // namespace

AuditProjection::AuditProjection(std::string root, const SegmentWriter::Options& options)
    : root_(root), writer_(std::move(root), options) {}

absl::Status AuditProjection::Recover(Database& reader, uint64_t offset) {
  const AuditOffset known = {
      .synced = offset, .knows = [&reader](const AuditSeal& line) { return Knows(reader, line); }};
  ASSIGN_OR_RETURN(const AuditRecovery recovery, writer_.Recover(known));
  if (recovery.cut_bytes > 0) {
    Log(LogLevel::kInfo, "audit.recovered",
        {{"root", root_},
         {"offset", absl::StrCat(offset)},
         {"cut_bytes", absl::StrCat(recovery.cut_bytes)},
         {"cut_lines", absl::StrCat(recovery.cut_lines)},
         {"kept_aside", absl::StrCat(recovery.kept_aside)}});
  }
  RETURN_IF_ERROR(AppendMissing(reader, offset));
  RETURN_IF_ERROR(writer_.Sync(offset));
  offset_ = offset;
  PublishHeads();
  return absl::OkStatus();
}

absl::Status AuditProjection::AppendMissing(Database& reader, uint64_t offset) {
  ASSIGN_OR_RETURN(const std::vector<DocumentRow> documents, ReadDocuments(reader, offset));
  for (const DocumentRow& document : documents) {
    const uint64_t present = writer_.LastEventId(document.key);
    if (document.last_event_id <= present) continue;
    ASSIGN_OR_RETURN(Statement rows, reader.Prepare(EventsOfDocument()));
    rows.Bind(1, document.id).Bind(2, present).Bind(3, offset);
    uint64_t lines = 0;
    while (true) {
      ASSIGN_OR_RETURN(const bool has_row, rows.Step());
      if (!has_row) break;
      ASSIGN_OR_RETURN(const AuditEvent event, EventOf(rows));
      if (IsGenerated(event)) continue;
      RETURN_IF_ERROR(writer_.Append(event));
      ++lines;
    }
    if (lines == 0) continue;
    Log(LogLevel::kWarning, "audit.lines_were_missing",
        {{"series", AuditSeriesName(document.key)},
         {"after_event", absl::StrCat(present)},
         {"written_again", absl::StrCat(lines)}});
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> AuditProjection::Advance(Database& reader, uint64_t from_event,
                                                  size_t max_events) {
  const bool goes_on = writer_.ready() && offset_ == from_event;
  if (!goes_on) RETURN_IF_ERROR(Recover(reader, from_event));
  absl::StatusOr<uint64_t> reached = Append(reader, from_event, max_events);
  if (absl::IsAborted(reached.status())) {
    // Another program wrote to the trail; from now on its lines are known.
    RETURN_IF_ERROR(Recover(reader, from_event));
    reached = Append(reader, from_event, max_events);
  }
  if (!reached.ok()) return reached;
  offset_ = *reached;
  PublishHeads();
  return reached;
}

absl::StatusOr<uint64_t> AuditProjection::Append(Database& reader, uint64_t from_event,
                                                 size_t max_events) {
  ASSIGN_OR_RETURN(Statement rows, reader.Prepare(EventsAfter()));
  rows.Bind(1, from_event);
  uint64_t last = from_event;
  uint64_t transaction = 0;
  for (size_t count = 0;; ++count) {
    ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    // An offset within a transaction would name none.
    if (!has_row || (count >= max_events && rows.Unsigned(1) != transaction)) break;
    ASSIGN_OR_RETURN(const AuditEvent event, EventOf(rows));
    if (!IsGenerated(event)) RETURN_IF_ERROR(writer_.Append(event));
    last = event.event_id;
    transaction = *event.txn;
  }
  // The original would give the ids of generated entries away again.
  RETURN_IF_ERROR(writer_.Sync(last));
  return last;
}

void AuditProjection::PublishHeads() {
  std::vector<AuditChainHead> heads = writer_.Heads();
  MutexLock lock(&mutex_);
  heads_ = std::move(heads);
}

std::vector<AuditChainHead> AuditProjection::Heads() const {
  MutexLock lock(&mutex_);
  return heads_;
}

}  // namespace modelref

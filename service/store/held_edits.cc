#include "service/store/held_edits.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/store/history_reader.h"

namespace modelref {
namespace {

constexpr char kSelect[] =
    "SELECT h.id, h.document, h.kind, h.state, h.noticed_us, h.sha256, h.size_bytes, h.creates, "
    "h.updates, h.deletes, h.models, h.detail, h.acceptable, h.revision, h.etag, d.category, "
    "d.format FROM held h JOIN documents d ON d.id = h.document ";

std::string NamesToJson(const std::vector<std::string>& names) {
  JsonArray list;
  for (const std::string& name : names) list.push_back(Json(name));
  return CanonicalJson(Json(std::move(list)));
}

std::vector<std::string> NamesOfJson(absl::string_view text) {
  std::vector<std::string> names;
  absl::StatusOr<Json> list = ParseJson(text);
  if (!list.ok() || list->AsArray() == nullptr) return names;
  for (const Json& name : *list->AsArray()) {
    if (name.AsString() != nullptr) names.push_back(*name.AsString());
  }
  return names;
}

HeldEdit EditOfRow(const Statement& row) {
  HeldEdit edit;
  edit.id = std::string(row.Bytes(0));
  edit.document = row.Int(1);
  edit.kind = row.Int(2) == 1 ? HeldKind::kMassRemoval : HeldKind::kDamage;
  edit.state = static_cast<HeldState>(row.Int(3));
  edit.noticed = absl::FromUnixMicros(row.Int(4));
  edit.sha256 = ToArray<32>(row.Bytes(5));
  edit.size_bytes = row.Unsigned(6);
  edit.creates = row.Unsigned(7);
  edit.updates = row.Unsigned(8);
  edit.deletes = row.Unsigned(9);
  edit.models = NamesOfJson(row.Bytes(10));
  edit.detail = std::string(row.Bytes(11));
  edit.acceptable = row.Int(12) != 0;
  edit.revision = row.Unsigned(13);
  edit.etag = ToArray<32>(row.Bytes(14));
  edit.key = {std::string(row.Bytes(15)), row.Int(16) == 1 ? Format::kLegacy : Format::kV2};
  return edit;
}

absl::StatusOr<std::optional<HeldEdit>> FirstEdit(Statement query) {
  ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? std::optional<HeldEdit>(EditOfRow(query)) : std::nullopt;
}

absl::Status InsertChanges(Database& database, absl::string_view id,
                           const std::vector<HeldChange>& changes) {
  ASSIGN_OR_RETURN(Statement insert,
                   database.Prepare("INSERT INTO held_changes (held, ordinal, name, committed) "
                                    "VALUES (?, ?, ?, ?)"));
  for (size_t i = 0; i < changes.size(); ++i) {
    insert.Bind(1, id).Bind(2, static_cast<uint64_t>(i)).Bind(3, changes[i].name);
    const RecordValue& committed = changes[i].committed;
    committed.has_value() ? insert.BindBlob(4, AsBytes(*committed)) : insert.BindNull(4);
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<HeldChange> DescribeChanges(const Document& committed,
                                        const std::vector<RecordChange>& changes, HeldEdit* edit) {
  std::vector<HeldChange> kept;
  kept.reserve(changes.size());
  for (const RecordChange& change : changes) {
    const Entry* entry = committed.Find(change.name);
    ++(change.after == nullptr ? edit->deletes : entry == nullptr ? edit->creates : edit->updates);
    if (edit->models.size() < kHeldModels) edit->models.push_back(change.name);
    kept.push_back(
        {change.name, entry == nullptr ? RecordValue() : RecordValue(entry->record->etag)});
  }
  return kept;
}

absl::StatusOr<std::string> NewHeldId(Database& database, const HeldEdit& edit) {
  const std::string stem =
      absl::StrCat(edit.key.category, "-", FormatName(edit.key.format), "-",
                   absl::FormatTime("%Y%m%dT%H%M%S", edit.noticed, absl::UTCTimeZone()), "-",
                   ToHex(AsBytes(edit.sha256).substr(0, 4)));
  std::string id = stem;
  for (int i = 2;; ++i) {
    ASSIGN_OR_RETURN(const std::optional<HeldEdit> taken, ReadHeldEdit(database, id));
    if (!taken.has_value()) return id;
    id = absl::StrCat(stem, "-", i);
  }
}

absl::Status InsertHeldEdit(Database& database, const HeldEdit& edit,
                            const std::vector<HeldChange>& changes) {
  ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT INTO held (id, document, kind, state, noticed_us, sha256, "
                       "size_bytes, creates, updates, deletes, models, detail, acceptable) VALUES "
                       "(?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  const std::string models = NamesToJson(edit.models);
  RETURN_IF_ERROR(insert.Bind(1, edit.id)
                      .Bind(2, edit.document)
                      .Bind(3, static_cast<int>(edit.kind))
                      .Bind(4, absl::ToUnixMicros(edit.noticed))
                      .BindBlob(5, AsBytes(edit.sha256))
                      .Bind(6, edit.size_bytes)
                      .Bind(7, edit.creates)
                      .Bind(8, edit.updates)
                      .Bind(9, edit.deletes)
                      .Bind(10, models)
                      .Bind(11, edit.detail)
                      .Bind(12, edit.acceptable ? 1 : 0)
                      .Run());
  return InsertChanges(database, edit.id, changes);
}

absl::StatusOr<std::optional<HeldEdit>> ReadHeldEdit(Database& database, absl::string_view id) {
  static const auto& sql = *new std::string(absl::StrCat(kSelect, "WHERE h.id = ?"));
  ASSIGN_OR_RETURN(Statement query, database.Prepare(sql));
  query.Bind(1, id);
  return FirstEdit(std::move(query));
}

absl::StatusOr<std::vector<HeldChange>> ReadHeldChanges(Database& database, absl::string_view id) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT name, committed FROM held_changes WHERE held = ? ORDER "
                                    "BY ordinal"));
  query.Bind(1, id);
  std::vector<HeldChange> changes;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return changes;
    changes.push_back({std::string(query.Bytes(0)),
                       query.IsNull(1) ? RecordValue() : RecordValue(ToArray<32>(query.Bytes(1)))});
  }
}

absl::StatusOr<std::vector<HeldEdit>> ListWaitingEdits(Database& database, int64_t after_noticed_us,
                                                       absl::string_view after_id) {
  static const auto& sql =
      *new std::string(absl::StrCat(kSelect,
                                    "WHERE h.state = 0 AND (h.noticed_us, h.id) > (?, ?) ORDER BY "
                                    "h.noticed_us, h.id"));
  ASSIGN_OR_RETURN(Statement query, database.Prepare(sql));
  query.Bind(1, after_noticed_us).Bind(2, after_id);
  std::vector<HeldEdit> edits;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return edits;
    edits.push_back(EditOfRow(query));
  }
}

absl::StatusOr<std::optional<HeldEdit>> FindWaitingEdit(Database& database, int64_t document,
                                                        const Sha256Digest& sha256) {
  static const auto& sql = *new std::string(
      absl::StrCat(kSelect, "WHERE h.document = ? AND h.sha256 = ? AND h.state = 0"));
  ASSIGN_OR_RETURN(Statement query, database.Prepare(sql));
  query.Bind(1, document).BindBlob(2, AsBytes(sha256));
  return FirstEdit(std::move(query));
}

absl::Status DecideHeldEdit(Database& database, const HeldEdit& edit) {
  ASSIGN_OR_RETURN(Statement update, database.Prepare("UPDATE held SET state = ?, revision = ?, "
                                                      "etag = ? WHERE id = ?"));
  return update.Bind(1, static_cast<int>(edit.state))
      .Bind(2, edit.revision)
      .BindBlob(3, AsBytes(edit.etag))
      .Bind(4, edit.id)
      .Run();
}

}  // namespace modelref

#include "service/store/metadata_rows.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr char kColumns[] =
    "SELECT document, last_updated_us, last_operation, last_model, creates, updates, deletes, "
    "initialized_us, last_success_us, errors, sequence, base FROM category_metadata ";

const std::string& RowsAfter() {
  static const auto& sql = *new std::string(absl::StrCat(kColumns, "WHERE sequence > ?"));
  return sql;
}

const std::string& RowOf() {
  static const auto& sql = *new std::string(absl::StrCat(kColumns, "WHERE document = ?"));
  return sql;
}

std::optional<Operation> OperationOf(const Statement& row, int column) {
  const int64_t value = row.Int(column);
  if (row.IsNull(column) || value < 1 || value > 3) return std::nullopt;
  return static_cast<Operation>(value);
}

MetadataRow Take(const Statement& row) {
  MetadataRow taken;
  taken.document = row.Int(0);
  taken.sequence = row.Int(10);
  if (!row.IsNull(11)) taken.base = std::string(row.Bytes(11));
  CategoryMetadata& metadata = taken.metadata;
  metadata.last_updated = absl::FromUnixMicros(row.Int(1));
  metadata.last_operation = OperationOf(row, 2);
  if (!row.IsNull(3)) metadata.last_model = std::string(row.Bytes(3));
  metadata.creates = row.Unsigned(4);
  metadata.updates = row.Unsigned(5);
  metadata.deletes = row.Unsigned(6);
  metadata.initialized = absl::FromUnixMicros(row.Int(7));
  if (!row.IsNull(8)) metadata.last_success = absl::FromUnixMicros(row.Int(8));
  metadata.errors = row.Unsigned(9);
  return taken;
}

// One event as the count needs it.
struct Happened {
  int64_t document = 0;
  std::string name;
  Operation operation = Operation::kCreate;
};

struct HappenedTransaction {
  uint64_t revision = 0;
  absl::Time time;
  std::string caller;
  std::vector<Happened> events;
};

class Recount {
 public:
  explicit Recount(Database& database) : database_(database) {}

  absl::StatusOr<std::map<int64_t, CategoryMetadata>> Run() {
    RETURN_IF_ERROR(ReadKeys());
    RETURN_IF_ERROR(ReadBases());
    ASSIGN_OR_RETURN(Statement events,
                     database_.Prepare("SELECT e.revision, e.document, e.name, e.operation, "
                                       "t.time_us, t.caller FROM events e JOIN transactions t ON "
                                       "t.revision = e.revision ORDER BY e.id"));
    HappenedTransaction present;
    while (true) {
      ASSIGN_OR_RETURN(const bool row, events.Step());
      if (!row || events.Unsigned(0) != present.revision) {
        Count(present);
        if (!row) return std::move(counted_);
        present = {events.Unsigned(0),
                   absl::FromUnixMicros(events.Int(4)),
                   std::string(events.Bytes(5)),
                   {}};
      }
      const auto operation = OperationOf(events, 3);
      if (!operation.has_value()) continue;
      present.events.push_back({events.Int(1), std::string(events.Bytes(2)), *operation});
    }
  }

 private:
  absl::Status ReadKeys() {
    ASSIGN_OR_RETURN(Statement query,
                     database_.Prepare("SELECT id, category, format FROM documents"));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      keys_[query.Int(0)] = {std::string(query.Bytes(1)),
                             query.Int(2) == 1 ? Format::kLegacy : Format::kV2};
    }
  }

  absl::Status ReadBases() {
    ASSIGN_OR_RETURN(const std::vector<MetadataRow> rows, ReadMetadata(database_, -1));
    for (const MetadataRow& row : rows) {
      if (row.base.value_or("").empty()) continue;
      // One that cannot be read, as of a damaged database, says nothing.
      auto base = ParseMetadataFile(*row.base, row.metadata.initialized);
      if (base.ok()) counted_[row.document] = *std::move(base);
    }
    return absl::OkStatus();
  }

  void Count(const HappenedTransaction& transaction) {
    std::set<std::string> legacy;
    for (const Happened& event : transaction.events) {
      const auto key = keys_.find(event.document);
      if (key == keys_.end() || key->second.format != Format::kLegacy) continue;
      legacy.insert(key->second.category);
    }
    const OperationRule rule(transaction.caller, std::move(legacy));
    for (const Happened& event : transaction.events) {
      const auto key = keys_.find(event.document);
      if (key == keys_.end() || !rule.Counts(key->second, event.name)) continue;
      const auto [metadata, is_new] = counted_.try_emplace(event.document);
      if (is_new) metadata->second = BeginMetadata(transaction.time);
      CountOperation(event.operation, event.name, transaction.time, &metadata->second);
    }
  }

  Database& database_;
  std::map<int64_t, DocumentKey> keys_;
  std::map<int64_t, CategoryMetadata> counted_;
};

absl::Status SetBase(Database& database, int64_t document, absl::string_view base) {
  ASSIGN_OR_RETURN(Statement set,
                   database.Prepare("UPDATE category_metadata SET base = ? WHERE document = ?"));
  return set.Bind(1, base).Bind(2, document).Run();
}

}  // namespace

absl::Status WriteMetadata(Database& database, int64_t document, const CategoryMetadata& metadata,
                           bool has_events) {
  ASSIGN_OR_RETURN(
      Statement put,
      database.Prepare(
          "INSERT INTO category_metadata (document, last_updated_us, last_operation, last_model, "
          "creates, updates, deletes, initialized_us, last_success_us, errors, base) VALUES (?, ?, "
          "?, ?, ?, ?, ?, ?, ?, ?, '') ON CONFLICT (document) DO UPDATE SET last_updated_us = "
          "excluded.last_updated_us, last_operation = excluded.last_operation, last_model = "
          "excluded.last_model, creates = excluded.creates, updates = excluded.updates, deletes = "
          "excluded.deletes, initialized_us = excluded.initialized_us, last_success_us = "
          "excluded.last_success_us, errors = excluded.errors"));
  put.Bind(1, document).Bind(2, absl::ToUnixMicros(metadata.last_updated));
  metadata.last_operation.has_value() ? put.Bind(3, static_cast<int>(*metadata.last_operation))
                                      : put.BindNull(3);
  metadata.last_model.has_value() ? put.Bind(4, *metadata.last_model) : put.BindNull(4);
  put.Bind(5, metadata.creates)
      .Bind(6, metadata.updates)
      .Bind(7, metadata.deletes)
      .Bind(8, absl::ToUnixMicros(metadata.initialized));
  metadata.last_success.has_value() ? put.Bind(9, absl::ToUnixMicros(*metadata.last_success))
                                    : put.BindNull(9);
  RETURN_IF_ERROR(put.Bind(10, metadata.errors).Run());
  if (has_events) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      Statement tell,
      database.Prepare("UPDATE category_metadata SET sequence = (SELECT "
                       "max(sequence) + 1 FROM category_metadata) WHERE document = ?"));
  return tell.Bind(1, document).Run();
}

absl::Status WriteMetadataBase(Database& database, int64_t document,
                               const CategoryMetadata& beginning) {
  return SetBase(database, document, FormatMetadataFile("", beginning, 0));
}

absl::StatusOr<std::vector<MetadataRow>> ReadMetadata(Database& database, int64_t after_sequence) {
  ASSIGN_OR_RETURN(Statement query, database.Prepare(RowsAfter()));
  query.Bind(1, after_sequence);
  std::vector<MetadataRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return rows;
    rows.push_back(Take(query));
  }
}

absl::StatusOr<std::optional<MetadataRow>> ReadMetadataOf(Database& database, int64_t document) {
  ASSIGN_OR_RETURN(Statement query, database.Prepare(RowOf()));
  query.Bind(1, document);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? std::optional<MetadataRow>(Take(query)) : std::nullopt;
}

absl::StatusOr<std::map<int64_t, CategoryMetadata>> MetadataOfHistory(Database& database) {
  return Recount(database).Run();
}

absl::Status RecountMetadata(Database& database) {
  ASSIGN_OR_RETURN(const std::vector<MetadataRow> rows, ReadMetadata(database, -1));
  std::map<int64_t, const MetadataRow*> before;
  for (const MetadataRow& row : rows) before[row.document] = &row;
  ASSIGN_OR_RETURN(auto counted, MetadataOfHistory(database));
  for (auto& [document, metadata] : counted) {
    const auto row = before.find(document);
    if (row != before.end()) {
      metadata.errors = row->second->metadata.errors;
      // A failure moves it as well.
      if (metadata.errors > 0) {
        metadata.last_updated = std::max(metadata.last_updated, row->second->metadata.last_updated);
      }
      if (metadata == row->second->metadata) continue;
    }
    RETURN_IF_ERROR(WriteMetadata(database, document, metadata, false));
    if (row != before.end()) continue;
    ASSIGN_OR_RETURN(Statement unseen, database.Prepare("UPDATE category_metadata SET base = NULL "
                                                        "WHERE document = ?"));
    RETURN_IF_ERROR(unseen.Bind(1, document).Run());
  }
  ASSIGN_OR_RETURN(Statement remove,
                   database.Prepare("DELETE FROM category_metadata WHERE document = ?"));
  for (const MetadataRow& row : rows) {
    if (counted.count(row.document) == 0) RETURN_IF_ERROR(remove.Bind(1, row.document).Run());
  }
  return absl::OkStatus();
}

absl::Status TakeOverMetadata(Database& database, int64_t document, const CategoryMetadata* file) {
  ASSIGN_OR_RETURN(const std::optional<MetadataRow> row, ReadMetadataOf(database, document));
  if (row.has_value() && row->base.has_value()) return absl::OkStatus();
  if (file == nullptr) return row.has_value() ? SetBase(database, document, "") : absl::OkStatus();
  CategoryMetadata metadata = InWholeSeconds(*file);
  const CategoryMetadata beginning = metadata;
  if (row.has_value()) {
    const CategoryMetadata& since = row->metadata;
    metadata.creates += since.creates;
    metadata.updates += since.updates;
    metadata.deletes += since.deletes;
    metadata.errors += since.errors;
    metadata.last_operation = since.last_operation;
    metadata.last_model = since.last_model;
    metadata.last_updated = std::max(metadata.last_updated, since.last_updated);
    metadata.last_success = std::max(metadata.last_success, since.last_success);
  }
  RETURN_IF_ERROR(WriteMetadata(database, document, metadata, false));
  return WriteMetadataBase(database, document, beginning);
}

absl::Status FoldMetadata(Database& database, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<MetadataRow> rows, ReadMetadata(database, -1));
  for (const MetadataRow& row : rows) {
    CategoryMetadata metadata = row.metadata;
    metadata.last_updated = std::max(metadata.last_updated, now);
    // Rows of a damaged database may hold what no file can say.
    const std::string file = FormatMetadataFile("", metadata, 0);
    ASSIGN_OR_RETURN(metadata, ParseMetadataFile(file, now));
    metadata = InWholeSeconds(metadata);
    RETURN_IF_ERROR(WriteMetadata(database, row.document, metadata, false));
    RETURN_IF_ERROR(WriteMetadataBase(database, row.document, metadata));
  }
  return absl::OkStatus();
}

}  // namespace modelref

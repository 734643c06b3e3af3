#include "service/store/store_salvage.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

// The first key of a table, and for one without row ids the second.
struct TableKey {
  const char* table;
  const char* first;
  const char* second;
};
constexpr std::array<TableKey, 16> kTables = {{{"meta", "rowid", nullptr},
                                               {"forks", "rowid", nullptr},
                                               {"documents", "rowid", nullptr},
                                               {"records", "rowid", nullptr},
                                               {"problems", "rowid", nullptr},
                                               {"transactions", "rowid", nullptr},
                                               {"events", "rowid", nullptr},
                                               {"versions", "document", "revision"},
                                               {"file_base", "document", "name"},
                                               {"files", "rowid", nullptr},
                                               {"file_intents", "rowid", nullptr},
                                               {"held", "rowid", nullptr},
                                               {"held_changes", "held", "ordinal"},
                                               {"projections", "rowid", nullptr},
                                               {"requests", "rowid", nullptr},
                                               {"category_metadata", "rowid", nullptr}}};

class TableCopy {
 public:
  TableCopy(Database& fresh, const TableKey& key)
      : fresh_(fresh), key_(key), table_{key.table, 0, true} {}

  SalvagedTable Run() {
    if (CopyAtOnce()) return std::move(table_);
    table_.is_whole = false;
    if (key_.second == nullptr) {
      CopyRows();
    } else {
      Scan("");
      Scan(" DESC");
    }
    const absl::StatusOr<int64_t> rows =
        fresh_.QueryInt(absl::StrCat("SELECT count(*) FROM main.", key_.table));
    table_.rows = static_cast<uint64_t>(rows.value_or(0));
    return std::move(table_);
  }

 private:
  std::string Old() const { return absl::StrCat("old.", key_.table, " NOT INDEXED"); }

  bool CopyAtOnce() {
    // One statement: it leaves nothing when it fails. Without a condition the engine would copy the
    // pages of the old indexes as well.
    const absl::Status copied = fresh_.Execute(
        absl::StrCat("INSERT INTO main.", key_.table, " SELECT * FROM ", Old(), " WHERE 1"));
    if (copied.ok()) table_.rows = static_cast<uint64_t>(fresh_.changes());
    return copied.ok();
  }

  // More rows than the database has bytes are a circle.
  int64_t MostRows() {
    const absl::StatusOr<int64_t> pages = fresh_.QueryInt("PRAGMA old.page_count");
    return pages.value_or(0) * kPageBytes;
  }

  // A row that cannot be copied is left out.
  void CopyRow(int64_t row) {
    absl::StatusOr<Statement> insert = fresh_.Prepare(absl::StrCat(
        "INSERT OR IGNORE INTO main.", key_.table, " SELECT * FROM ", Old(), " WHERE rowid = ?"));
    if (insert.ok()) insert->Bind(1, row).Run().IgnoreError();
  }

  // Rows between two others, exclusive. Returns the last that could be read; nullopt when all were.
  std::optional<int64_t> CopyRange(int64_t after, int64_t before, bool backwards) {
    absl::StatusOr<Statement> rows =
        fresh_.Prepare(absl::StrCat("SELECT rowid FROM ", Old(), " WHERE rowid > ? AND rowid < ? ",
                                    "ORDER BY rowid", backwards ? " DESC" : ""));
    int64_t last = backwards ? before : after;
    if (!rows.ok()) return last;
    rows->Bind(1, after).Bind(2, before);
    while (true) {
      const absl::StatusOr<bool> row = rows->Step();
      if (!row.ok()) return last;
      if (!*row) return std::nullopt;
      const int64_t next = rows->Int(0);
      // A damaged page may lead anywhere, also in a circle.
      if (backwards ? next >= last : next <= last) return last;
      last = next;
      CopyRow(last);
    }
  }

  // The first row behind `hole` that can be found by its number.
  std::optional<int64_t> RowBehind(int64_t hole) {
    absl::StatusOr<Statement> seek = fresh_.Prepare(
        absl::StrCat("SELECT rowid FROM ", Old(), " WHERE rowid >= ? ORDER BY rowid LIMIT 1"));
    if (!seek.ok()) return std::nullopt;
    for (int shift = 0; shift < 62; ++shift) {
      const int64_t step = int64_t{1} << shift;
      if (hole > kEnd - step) break;
      seek->Bind(1, hole + step);
      const absl::StatusOr<bool> row = seek->Step();
      const std::optional<int64_t> found =
          row.ok() && *row ? std::optional<int64_t>(seek->Int(0)) : std::nullopt;
      seek->Reset();
      if (row.ok() && (!found.has_value() || *found > hole)) return found;
    }
    return std::nullopt;
  }

  void CopyRows() {
    int64_t after = -1;
    while (true) {
      const std::optional<int64_t> hole = CopyRange(after, kEnd, false);
      if (!hole.has_value()) return;
      const std::optional<int64_t> behind = RowBehind(*hole);
      // From behind up to the hole, which may be smaller than the step over it.
      CopyRange(*hole, behind.value_or(kEnd), true);
      if (!behind.has_value()) return;
      CopyRow(*behind);
      after = *behind;
    }
  }

  // Everything up to the first place that cannot be read. Rows that are there already stay.
  void Scan(absl::string_view direction) {
    absl::StatusOr<Statement> insert = fresh_.Prepare(
        absl::StrCat("INSERT OR IGNORE INTO main.", key_.table, " SELECT * FROM ", Old(), " WHERE ",
                     key_.first, " = ? AND ", key_.second, " = ?"));
    absl::StatusOr<Statement> rows = fresh_.Prepare(
        absl::StrCat("SELECT ", key_.first, ", typeof(", key_.first, "), ", key_.second,
                     ", typeof(", key_.second, ") FROM ", Old(), " ORDER BY ", key_.first,
                     direction, ", ", key_.second, direction));
    if (!insert.ok() || !rows.ok()) return;
    for (int64_t left = MostRows(); left > 0 && rows->Step().value_or(false); --left) {
      for (const int column : {0, 2}) {
        const int index = column / 2 + 1;
        if (rows->Bytes(column + 1) == "integer") {
          insert->Bind(index, rows->Int(column));
        } else {
          insert->Bind(index, rows->Bytes(column));
        }
      }
      insert->Run().IgnoreError();
    }
  }

  static constexpr int64_t kEnd = INT64_MAX;
  static constexpr int64_t kPageBytes = 4096;

  Database& fresh_;
  const TableKey key_;
  SalvagedTable table_;
};

absl::Status Attach(const std::string& damaged, Database& fresh) {
  ASSIGN_OR_RETURN(Statement attach, fresh.Prepare("ATTACH ? AS old"));
  return attach.Bind(1, damaged).Run();
}

}  // namespace

bool Salvage::IsWhole(const std::string& table) const {
  for (const SalvagedTable& each : tables) {
    if (each.name == table) return each.is_whole;
  }
  return false;
}

absl::StatusOr<Salvage> SalvageTables(const std::string& damaged, Database& fresh) {
  Salvage salvage;
  const bool is_readable = Attach(damaged, fresh).ok();
  // No transaction around it: an error of the other database may undo one.
  RETURN_IF_ERROR(fresh.Execute("PRAGMA synchronous = OFF"));
  for (const TableKey& key : kTables) {
    salvage.tables.push_back(is_readable ? TableCopy(fresh, key).Run()
                                         : SalvagedTable{key.table, 0, false});
  }
  if (is_readable) RETURN_IF_ERROR(fresh.Execute("DETACH old"));
  return salvage;
}

}  // namespace modelref

#include "backends/convert/text_csv_update.h"

#include <map>
#include <unordered_map>
#include <utility>

#include "absl/strings/match.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_names.h"

namespace modelref {
namespace {

// Compares what readers get, not how it is written.
bool SaysTheSame(const TextModelRow& a, const TextModelRow& b) {
  return TextLegacyBaseDocument({a}) == TextLegacyBaseDocument({b});
}

class TableUpdate {
 public:
  TableUpdate(absl::string_view present, const ModelsCsv& table,
              const std::vector<TextModelRow>& rows, const std::set<std::string>& in_own_words)
      : present_(present), table_(table), rows_(rows), in_own_words_(in_own_words) {
    const absl::string_view header = BytesOf(table.table.header);
    line_end_ = absl::EndsWith(header, "\r\n") ? "\r\n"
                : absl::EndsWith(header, "\r") ? "\r"
                                               : "\n";
    for (const TextModelRow& row : table.rows) parsed_[row.line] = &row;
    for (size_t i = 0; i < rows.size(); ++i) wanted_[rows[i].name] = &rows[i];
    for (const RecordIssue& issue : table.issues) {
      if (issue.severity == IssueSeverity::kError) unreadable_[issue.line] = &issue.model;
    }
    columns_ = table.table.header.cells;
  }

  std::string Run() {
    Group();
    std::string body;
    if (KeepsOrder()) {
      AppendInPlace(&body);
    } else {
      for (const CsvRow* row : leading_) AppendVerbatim(*row, &body);
      for (const TextModelRow& row : rows_) AppendModel(row, &body);
    }
    std::string out;
    if (columns_.size() == table_.table.header.cells.size()) {
      AppendVerbatim(table_.table.header, &out);
    } else {
      AppendCells(columns_, &out);
    }
    return out + body;
  }

 private:
  // The rows that were written for one model, in their order, and what stands behind each.
  struct Kept {
    const CsvRow* row;
    bool is_model;
  };

  absl::string_view BytesOf(const CsvRow& row) const {
    return present_.substr(row.begin, row.end - row.begin);
  }

  // Gives each row to the model whose last row stands before it, or that it is a row of.
  void Group() {
    std::vector<Kept>* last = nullptr;
    for (const CsvRow& row : table_.table.rows) {
      if (IsGone(row)) continue;
      const auto parsed = parsed_.find(row.line);
      if (parsed == parsed_.end() || IsHidden(*parsed->second) ||
          SpeaksForItself(*parsed->second)) {
        last == nullptr ? leading_.push_back(&row) : last->push_back({&row, false});
        continue;
      }
      const std::string& name = parsed->second->name;
      newest_[name] = parsed->second;
      if (wanted_.count(name) == 0) continue;
      const auto [group, is_first] = groups_.try_emplace(name);
      if (is_first) order_.push_back(&name);
      last = &group->second;
      last->push_back({&row, true});
    }
  }

  // True when the models that stay have their order already, and the others come behind them.
  bool KeepsOrder() const {
    if (order_.size() > rows_.size()) return false;
    for (size_t i = 0; i < order_.size(); ++i) {
      if (*order_[i] != rows_[i].name) return false;
    }
    return true;
  }

  void AppendInPlace(std::string* out) {
    for (const CsvRow& row : table_.table.rows) {
      if (IsGone(row)) continue;
      const auto parsed = parsed_.find(row.line);
      if (parsed == parsed_.end() || IsHidden(*parsed->second) ||
          SpeaksForItself(*parsed->second)) {
        AppendVerbatim(row, out);
      } else if (const auto wanted = wanted_.find(parsed->second->name); wanted != wanted_.end()) {
        AppendRow(row, *wanted->second, out);
      }
    }
    for (size_t i = order_.size(); i < rows_.size(); ++i) {
      AppendChanged(rows_[i], nullptr, nullptr, out);
    }
  }

  // A row that was written for the model: the last one says what `wanted` does afterwards.
  void AppendRow(const CsvRow& row, const TextModelRow& wanted, std::string* out) {
    const TextModelRow* newest = newest_.at(wanted.name);
    if (row.line == newest->line && !SaysTheSame(*newest, wanted)) {
      AppendChanged(wanted, newest, &row, out);
    } else {
      AppendVerbatim(row, out);
    }
  }

  // An unreadable row of a model that was repaired or deleted.
  bool IsGone(const CsvRow& row) const {
    const auto name = unreadable_.find(row.line);
    return name != unreadable_.end() && in_own_words_.count(*name->second) == 0 &&
           !IsRowWithoutName(*name->second);
  }
  // A row that can be read and not be served.
  bool SpeaksForItself(const TextModelRow& row) const {
    return wanted_.count(row.name) == 0 && in_own_words_.count(row.name) > 0;
  }

  // Rows that no reader gets under their own name.
  bool IsHidden(const TextModelRow& row) const {
    return absl::StrContains(row.name, "://") || HasTextBackendPrefix(row.name);
  }

  void AppendModel(const TextModelRow& row, std::string* out) {
    const auto group = groups_.find(row.name);
    if (group == groups_.end()) {
      AppendChanged(row, nullptr, nullptr, out);
      return;
    }
    for (const Kept& kept : group->second) {
      if (kept.is_model) {
        AppendRow(*kept.row, row, out);
      } else {
        AppendVerbatim(*kept.row, out);
      }
    }
  }

  void AppendVerbatim(const CsvRow& row, std::string* out) const {
    const absl::string_view bytes = BytesOf(row);
    out->append(bytes.data(), bytes.size());
    if (!absl::EndsWith(bytes, "\n") && !absl::EndsWith(bytes, "\r")) out->append(line_end_);
  }

  // `old` and `old_cells` may be null: the row is new.
  void AppendChanged(const TextModelRow& row, const TextModelRow* old, const CsvRow* old_cells,
                     std::string* out) {
    const std::vector<std::string> texts = ModelsCsvCells(row);
    const std::vector<std::string> old_texts =
        old == nullptr ? std::vector<std::string>(texts.size()) : ModelsCsvCells(*old);
    std::vector<std::string> cells;
    if (old_cells != nullptr) cells = old_cells->cells;
    if (cells.size() < columns_.size()) cells.resize(columns_.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      if (texts[i] == old_texts[i]) continue;
      const size_t column = ColumnOf(ModelsCsvColumns()[i]);
      if (cells.size() <= column) cells.resize(column + 1);
      cells[column] = texts[i];
    }
    AppendCells(cells, out);
  }

  // The column of that name, added to the table when it has none.
  size_t ColumnOf(const std::string& name) {
    for (size_t i = columns_.size(); i > 0; --i) {
      if (columns_[i - 1] == name) return i - 1;
    }
    columns_.push_back(name);
    return columns_.size() - 1;
  }

  void AppendCells(const std::vector<std::string>& cells, std::string* out) const {
    AppendCsvRow(cells, out);
    out->pop_back();
    out->append(line_end_);
  }

  const absl::string_view present_;
  const ModelsCsv& table_;
  const std::vector<TextModelRow>& rows_;
  const std::set<std::string>& in_own_words_;
  std::string line_end_;
  std::unordered_map<size_t, const std::string*> unreadable_;  // The names by line.
  std::unordered_map<size_t, const TextModelRow*> parsed_;     // By line.
  std::unordered_map<std::string, const TextModelRow*> wanted_;
  std::unordered_map<std::string, const TextModelRow*> newest_;  // The last one counts.
  std::unordered_map<std::string, std::vector<Kept>> groups_;
  std::vector<const std::string*> order_;  // The names of the groups, by their first rows.
  std::vector<const CsvRow*> leading_;     // Before the first model.
  std::vector<std::string> columns_;
};

}  // namespace

std::string UpdateModelsCsv(absl::string_view present, const ModelsCsv& table,
                            const std::vector<TextModelRow>& rows,
                            const std::set<std::string>& in_own_words) {
  return TableUpdate(present, table, rows, in_own_words).Run();
}

}  // namespace modelref

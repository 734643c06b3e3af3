#include "backends/convert/csv.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr absl::string_view kUtf8Bom = "\xEF\xBB\xBF";

bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }

// Reads one row per call, from the front.
class RowReader {
 public:
  RowReader(absl::string_view text, const CsvLimits& limits) : text_(text), limits_(limits) {}

  bool AtEnd() const { return position_ >= text_.size(); }

  // The next row; a blank line has no cells.
  absl::StatusOr<CsvRow> Next() {
    CsvRow row;
    row.line = line_;
    row.begin = position_;
    if (!IsLineEnd(text_[position_])) {
      bool more = true;
      while (more) {
        if (row.cells.size() >= limits_.columns) {
          return Exhausted(absl::StrCat("more than ", limits_.columns, " columns"));
        }
        row.cells.emplace_back();
        ASSIGN_OR_RETURN(more, ReadCell(&row.cells.back()));
      }
    }
    SkipLineEnd();
    row.end = position_;
    return row;
  }

 private:
  // Stands after the delimiter (and returns true) or on the line end or the end of the text.
  absl::StatusOr<bool> ReadCell(std::string* cell) {
    if (!AtEnd() && text_[position_] == '"') {
      RETURN_IF_ERROR(ReadQuoted(cell));
    }
    const size_t end = std::min(text_.find_first_of(",\r\n", position_), text_.size());
    cell->append(text_.data() + position_, end - position_);
    position_ = end;
    RETURN_IF_ERROR(CheckSize(*cell));
    if (AtEnd() || text_[position_] != ',') return false;
    ++position_;
    return true;
  }

  // Stands after the closing quote; what follows up to the delimiter belongs to the cell, too.
  absl::Status ReadQuoted(std::string* cell) {
    const size_t first_line = line_;
    ++position_;
    while (true) {
      const size_t quote = text_.find('"', position_);
      if (quote == absl::string_view::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("line ", first_line, ": a quote opens here and is never closed"));
      }
      const absl::string_view piece = text_.substr(position_, quote - position_);
      cell->append(piece.data(), piece.size());
      CountLines(piece);
      RETURN_IF_ERROR(CheckSize(*cell));
      position_ = quote + 1;
      if (AtEnd() || text_[position_] != '"') return absl::OkStatus();
      cell->push_back('"');
      ++position_;
    }
  }

  void CountLines(absl::string_view piece) {
    for (size_t i = 0; i < piece.size(); ++i) {
      const bool crlf = piece[i] == '\r' && i + 1 < piece.size() && piece[i + 1] == '\n';
      if (IsLineEnd(piece[i]) && !crlf) ++line_;
    }
  }

  void SkipLineEnd() {
    if (AtEnd()) return;
    if (absl::StartsWith(text_.substr(position_), "\r\n")) ++position_;
    ++position_;
    ++line_;
  }

  absl::Status CheckSize(const std::string& cell) const {
    if (cell.size() <= limits_.cell_bytes) return absl::OkStatus();
    return Exhausted(absl::StrCat("a cell of more than ", limits_.cell_bytes, " bytes"));
  }

  absl::Status Exhausted(absl::string_view what) const {
    return absl::ResourceExhaustedError(absl::StrCat("line ", line_, ": ", what));
  }

  const absl::string_view text_;
  const CsvLimits limits_;
  size_t position_ = 0;
  size_t line_ = 1;
};

absl::Status CheckEncoding(absl::string_view text) {
  if (absl::StartsWith(text, kUtf8Bom)) {
    return absl::InvalidArgumentError("line 1: begins with a UTF-8 byte order mark");
  }
  if (const size_t bad = FindInvalidUtf8(text); bad != text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(DescribeOffset(text, bad), ": not UTF-8"));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<size_t> CsvTable::Column(absl::string_view name) const {
  for (size_t i = header.cells.size(); i > 0; --i) {
    if (header.cells[i - 1] == name) return i - 1;
  }
  return std::nullopt;
}

const std::string* Cell(const CsvRow& row, const std::optional<size_t>& column) {
  return column.has_value() && *column < row.cells.size() ? &row.cells[*column] : nullptr;
}

absl::StatusOr<CsvTable> ParseCsv(absl::string_view text, const CsvLimits& limits) {
  RETURN_IF_ERROR(CheckEncoding(text));
  RowReader reader(text, limits);
  CsvTable table;
  if (reader.AtEnd()) return absl::InvalidArgumentError("line 1: empty, a header is expected");
  ASSIGN_OR_RETURN(table.header, reader.Next());
  if (table.header.cells.empty()) {
    return absl::InvalidArgumentError("line 1: blank, a header is expected");
  }
  while (!reader.AtEnd()) {
    ASSIGN_OR_RETURN(CsvRow row, reader.Next());
    if (!row.cells.empty()) table.rows.push_back(std::move(row));
  }
  table.ends_with_newline = IsLineEnd(text.back());
  return table;
}

void AppendCsvRow(const std::vector<std::string>& cells, std::string* out) {
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out->push_back(',');
    const std::string& cell = cells[i];
    // A line of one empty field would read back as a blank line.
    const bool quoted =
        cell.find_first_of(",\"\r\n") != std::string::npos || (cells.size() == 1 && cell.empty());
    if (!quoted) {
      out->append(cell);
      continue;
    }
    out->push_back('"');
    for (const char c : cell) {
      if (c == '"') out->push_back('"');
      out->push_back(c);
    }
    out->push_back('"');
  }
  out->push_back('\n');
}

}  // namespace modelref

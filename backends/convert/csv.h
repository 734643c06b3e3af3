#pragma once

// Comma-separated values as Python's csv module reads and writes them (dialect excel): fields may
// be quoted, a quote inside quotes is doubled, quoted fields may hold line ends, lines end with LF,
// CRLF or CR. What differs is told below: limits, and damage is an error instead of a guess.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modelref {

struct CsvLimits {
  size_t cell_bytes = size_t{1} << 20;
  size_t columns = 1000;
};

struct CsvRow {
  std::vector<std::string> cells;  // As many as the line holds: fewer or more than the header.
  size_t line = 0;                 // Physical line of the first byte, from 1.
  size_t begin = 0;                // Byte span in the text, line end included.
  size_t end = 0;
};

struct CsvTable {
  CsvRow header;
  std::vector<CsvRow> rows;  // Blank lines are skipped.
  bool ends_with_newline = false;

  // The column of that name (the last one, when the name is repeated), or nothing.
  std::optional<size_t> Column(absl::string_view name) const;
};

// The cell of a row, or null when the row is too short or there is no such column.
const std::string* Cell(const CsvRow& row, const std::optional<size_t>& column);

//   INVALID_ARGUMENT    no header line, not UTF-8, a byte order mark, a quote that is never closed
//                       (Python makes a row of the rest of the file); the message names the line.
//   RESOURCE_EXHAUSTED  a cell or a row beyond the limits; the message names the line.
absl::StatusOr<CsvTable> ParseCsv(absl::string_view text, const CsvLimits& limits = {});

// One line with its LF. Only fields that need quotes get them.
void AppendCsvRow(const std::vector<std::string>& cells, std::string* out);

}  // namespace modelref

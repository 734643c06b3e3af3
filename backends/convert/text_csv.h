#pragma once

// models.csv, the legacy form of text_generation (H 2.2): one row per model, columns found by the
// header. Bad rows are reported and left out; a file that is not such a table is an error.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/json.h"
#include "backends/convert/csv.h"
#include "backends/convert/record_issue.h"

namespace modelref {

struct TextModelRow {
  std::string name;
  double parameters_bn = 0;  // Billions, as written.
  JsonNumber parameters;     // An integer: billions times 1e9, truncated.
  std::string display_name;
  std::string url;
  std::string baseline;
  std::string description;
  std::string style;
  std::vector<std::string> tags;
  std::string instruct_format;
  std::optional<JsonObject> settings;  // Flat: scalars or lists of scalars, lexemes as written.
  // Columns that are understood but never written.
  std::string version;
  bool nsfw = false;
  size_t line = 0;  // Of the row in the file, from 1.
};

struct ModelsCsv {
  CsvTable table;
  std::vector<TextModelRow> rows;  // In file order; names may repeat, readers use the last.
  std::vector<RecordIssue> issues;
  size_t rejected = 0;  // Rows left out.
};

// Errors of ParseCsv, and
//   INVALID_ARGUMENT  no column is called "name".
absl::StatusOr<ModelsCsv> ParseModelsCsv(absl::string_view text, const CsvLimits& limits = {});

// Whether an issue names its row by its place, because it has no name that can be shown.
bool IsRowWithoutName(absl::string_view model);

// The names of the ten columns that are written, in order.
const std::vector<std::string>& ModelsCsvColumns();
// The cells of a row under them; settings as Python's json.dumps with "," and ": ".
std::vector<std::string> ModelsCsvCells(const TextModelRow& row);

// The ten columns in order, LF line ends.
std::string FormatModelsCsv(const std::vector<TextModelRow>& rows);

}  // namespace modelref

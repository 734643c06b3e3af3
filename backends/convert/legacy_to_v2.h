#pragma once

// Legacy documents to v2 documents, byte for byte as the original converter writes them (H 3.8). A
// record that the original would refuse is reported and left out; the original gives up the whole
// category instead (W-C15).

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/categories.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/convert/record_issue.h"
#include "backends/convert/text_csv.h"

namespace modelref {

struct ConvertedDocument {
  JsonObject records;  // v2 records by model, in the order of the legacy document.
  std::vector<RecordIssue> issues;
  size_t rejected = 0;  // Records left out for an error.
};

// Where each model's record begins in its file, by name.
using RecordLines = std::map<std::string, size_t>;

// Converts the records of a category in legacy form. Lines are only used in issues.
//   INVALID_ARGUMENT  the category has no legacy form.
absl::StatusOr<ConvertedDocument> ConvertLegacyRecords(const Category& category,
                                                       const JsonObject& legacy,
                                                       const RecordLines& lines = {});

// Converts one record. The record's problems are INVALID_ARGUMENT, all in one message; remarks go
// to `remarks`. A null value means that the record is a generated duplicate (a text model under a
// backend's prefix) and is left out without being an error.
absl::StatusOr<Json> ConvertLegacyRecord(const Category& category, absl::string_view model,
                                         const Json& legacy, std::vector<std::string>* remarks);

struct ConvertedRecord {
  Json record;  // Null when there are problems, and for a generated duplicate.
  std::vector<FieldViolation> problems;
  std::vector<std::string> remarks;
};

// The same with the problems one by one.
ConvertedRecord ConvertLegacyFields(const Category& category, absl::string_view model,
                                    const JsonObject& legacy);

// What a row of models.csv says, before it is converted.
JsonObject LegacyRecordOfRow(const TextModelRow& row);

// Converts models.csv; its issues come first.
ConvertedDocument ConvertModelsCsv(const ModelsCsv& csv);

// Parses and converts a legacy file by its name: *.csv as models.csv, everything else as JSON.
//   INVALID_ARGUMENT    empty, not JSON or not a table, not an object; the message names the line.
//   RESOURCE_EXHAUSTED  beyond the limits of the CSV reader.
absl::StatusOr<ConvertedDocument> ConvertLegacyFile(const Category& category,
                                                    absl::string_view file_name,
                                                    absl::string_view text);

// The text of a v2 file as the original converter writes it: indent 4, ASCII, a final line end.
std::string FormatConvertedDocument(const JsonObject& records);

}  // namespace modelref

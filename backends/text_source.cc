#include "backends/text_source.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/categories.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "backends/convert/text_csv.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_names.h"

namespace modelref {
namespace {

// Why the record cannot be served; empty when it can.
std::string Refusal(const std::string& name, const std::string& json, const ParseLimits& limits) {
  if (const absl::Status status = ValidateModelName(name); !status.ok()) {
    return std::string(status.message());
  }
  if (json.size() > limits.record_bytes) {
    return absl::StrCat("larger than ", limits.record_bytes, " bytes");
  }
  return "";
}

// For each line that a row begins in, the name of the row before it that is served.
using NamesByLine = std::map<size_t, std::string>;
NamesByLine NamesBefore(const ModelsCsv& table) {
  NamesByLine names;
  std::string before;
  size_t next = 0;
  for (const CsvRow& row : table.table.rows) {
    names[row.line] = before;
    if (next == table.rows.size() || table.rows[next].line != row.line) continue;
    before = table.rows[next++].name;
  }
  return names;
}

// The row's record is missing under each of its names; the first problem has its text.
void AddRowProblems(absl::string_view csv, const ModelsCsv& table, TextSource* source) {
  if (table.rejected == 0) return;
  const NamesByLine names_before = NamesBefore(table);
  std::map<size_t, absl::string_view> texts;
  for (const CsvRow& row : table.table.rows) {
    texts[row.line] = csv.substr(row.begin, row.end - row.begin);
  }
  for (const RecordIssue& issue : table.issues) {
    if (issue.severity != IssueSeverity::kError) continue;
    std::string text(texts[issue.line]);
    for (std::string& name : TextNameVariants(issue.model)) {
      source->problems.push_back({std::move(name), issue.line, issue.reason,
                                  std::exchange(text, ""), names_before.at(issue.line)});
    }
  }
}

}  // namespace

absl::StatusOr<TextSource> ParseTextSource(absl::string_view csv, const ParseLimits& limits) {
  ASSIGN_OR_RETURN(const ModelsCsv table, ParseModelsCsv(csv));
  TextSource source;
  AddRowProblems(csv, table, &source);
  const JsonObject document = TextLegacyDocument(table.rows);
  std::vector<RecordPtr> records;
  records.reserve(document.size());
  for (const auto& [name, record] : document.members()) {
    std::string json = CanonicalJson(record);
    if (std::string refusal = Refusal(name, json, limits); !refusal.empty()) {
      source.problems.push_back({name, 0, std::move(refusal)});
      continue;
    }
    records.push_back(MakeRecord(name, std::move(json)));
  }
  source.document = Document::FromRecords(std::move(records));
  source.source_text = std::make_shared<const std::string>(FormatTextLegacyDocument(document));
  return source;
}

}  // namespace modelref

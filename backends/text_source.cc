#include "backends/text_source.h"

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

}  // namespace

absl::StatusOr<TextSource> ParseTextSource(absl::string_view csv, const ParseLimits& limits) {
  ASSIGN_OR_RETURN(const ModelsCsv table, ParseModelsCsv(csv));
  TextSource source;
  for (const RecordIssue& issue : table.issues) {
    if (issue.severity != IssueSeverity::kError) continue;
    // The row's record is missing under each of its names.
    for (std::string& name : TextNameVariants(issue.model)) {
      source.problems.push_back({std::move(name), issue.line, issue.reason});
    }
  }
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

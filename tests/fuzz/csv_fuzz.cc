// A table that is read is written so that it reads the same; models.csv converts without surprises.

#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "backends/convert/csv.h"
#include "backends/convert/legacy_to_v2.h"
#include "backends/convert/text_csv.h"
#include "backends/convert/text_legacy_document.h"
#include "tests/fuzz/fuzz_check.h"

namespace modelref {
namespace {

void CheckTable(absl::string_view text, const CsvTable& table) {
  std::string written;
  AppendCsvRow(table.header.cells, &written);
  size_t end = table.header.end;
  size_t line = table.header.line;
  for (const CsvRow& row : table.rows) {
    FUZZ_CHECK(row.begin >= end && row.end > row.begin && row.end <= text.size());
    FUZZ_CHECK(row.line > line && !row.cells.empty());
    end = row.end;
    line = row.line;
    AppendCsvRow(row.cells, &written);
  }
  // A quoted byte order mark is data; without its quotes it is not.
  if (absl::StartsWith(written, "\xEF\xBB\xBF")) return;
  const absl::StatusOr<CsvTable> again = ParseCsv(written);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->header.cells == table.header.cells);
  FUZZ_CHECK(again->rows.size() == table.rows.size());
  for (size_t i = 0; i < table.rows.size(); ++i) {
    FUZZ_CHECK(again->rows[i].cells == table.rows[i].cells);
  }
}

void CheckModels(const ModelsCsv& csv) {
  FUZZ_CHECK(csv.rows.size() + csv.rejected == csv.table.rows.size());
  const absl::StatusOr<ModelsCsv> again = ParseModelsCsv(FormatModelsCsv(csv.rows));
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->rejected == 0);
  FUZZ_CHECK(again->rows.size() == csv.rows.size());
  for (size_t i = 0; i < csv.rows.size(); ++i) {
    FUZZ_CHECK(again->rows[i].name == csv.rows[i].name);
    FUZZ_CHECK(again->rows[i].description == csv.rows[i].description);
    FUZZ_CHECK(again->rows[i].tags == csv.rows[i].tags);
  }
  const ConvertedDocument converted = ConvertModelsCsv(csv);
  FUZZ_CHECK(ParseJson(FormatConvertedDocument(converted.records)).ok());
  FUZZ_CHECK(ParseJson(FormatTextLegacyDocument(TextLegacyDocument(csv.rows))).ok());
}

}  // namespace
}  // namespace modelref

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<modelref::CsvTable> table = modelref::ParseCsv(text);
  if (table.ok()) modelref::CheckTable(text, *table);
  const absl::StatusOr<modelref::ModelsCsv> csv = modelref::ParseModelsCsv(text);
  FUZZ_CHECK(table.ok() || !csv.ok());
  if (csv.ok()) modelref::CheckModels(*csv);
  return 0;
}

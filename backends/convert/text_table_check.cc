#include "backends/convert/text_table_check.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/convert/python_text.h"
#include "backends/convert/record_fields.h"
#include "backends/convert/text_csv.h"
#include "backends/convert/text_legacy_document.h"

namespace modelref {
namespace {

constexpr absl::string_view kOrder[] = {
    "name", "model_name", "baseline", "parameters",   "description", "version",         "style",
    "nsfw", "tags",       "settings", "display_name", "url",         "instruct_format",
};

size_t CountCharacters(absl::string_view utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

class TableCheck {
 public:
  TableCheck(absl::string_view name, const JsonObject& record, RecordCheck* check)
      : name_(name), record_(record), check_(*check) {
    for (const RecordViolation& violation : check->violations) {
      judged_.insert(violation.field.substr(0, violation.field.find_first_of(".[")));
    }
    // One of them tells the size, one the style.
    if (judged_.count("parameters") + judged_.count("style") > 0) judged_.insert("tags");
  }

  void Run() {
    const TextModelRow row = TextRowOfLegacyRecord(name_, record_);
    CheckCells(row);
    const absl::StatusOr<ModelsCsv> read = ParseModelsCsv(FormatModelsCsv({row}));
    if (!read.ok() || read->rows.size() != 1) {
      return Violate("", absl::StrCat("models.csv cannot hold it: ",
                                      read.ok() ? "its row is not read back"
                                                : Presentable(read.status().message())));
    }
    const JsonObject document = TextLegacyBaseDocument(read->rows);
    const Json* entry = document.Find(name_);
    if (entry == nullptr) return Violate("name", "models.csv would change it");
    for (const absl::string_view field : TextLegacyOrder()) {
      if (field == "nsfw" || field == "version") continue;
      const Json* before = record_.Find(field);
      const Json* after = entry->AsObject()->Find(field);
      const bool same = before == nullptr || after == nullptr ? before == after : *before == *after;
      if (!same) Violate(field, "models.csv would not give it back as it is");
    }
  }

 private:
  void CheckCells(const TextModelRow& row) {
    const std::vector<std::string> cells = ModelsCsvCells(row);
    for (size_t i = 0; i < cells.size(); ++i) {
      if (CountCharacters(cells[i]) <= kMaxPythonCsvCell) continue;
      Violate(ModelsCsvColumns()[i], absl::StrCat("a cell of models.csv holds at most ",
                                                  kMaxPythonCsvCell, " characters"));
    }
  }

  void Violate(absl::string_view field, absl::string_view what) {
    if (!judged_.insert(std::string(field)).second) return;
    AddViolation({std::string(field), std::string(what)}, &check_);
  }

  const absl::string_view name_;
  const JsonObject& record_;
  RecordCheck& check_;
  std::set<std::string> judged_;  // Fields that have violations.
};

}  // namespace

absl::Span<const absl::string_view> TextLegacyOrder() { return kOrder; }

void CheckTextTable(absl::string_view name, const JsonObject& record, RecordCheck* check) {
  TableCheck(name, record, check).Run();
}

}  // namespace modelref

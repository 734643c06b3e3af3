#include "backends/convert/text_csv.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "backends/base/categories.h"
#include "backends/base/status_macros.h"
#include "backends/convert/python_text.h"

namespace modelref {
namespace {

constexpr double kBillion = 1e9;
constexpr absl::string_view kRowWithoutName = "<row ";

// A number that is written as NaN or Infinity, or that Python would turn into one, makes a record
// invalid (DESIGN 3).
bool IsFiniteScalar(const Json& value) {
  const JsonNumber* number = value.AsNumber();
  if (number == nullptr) return !value.is_null() && !value.AsArray() && !value.AsObject();
  const std::string python = PythonNumber(number->lexeme);
  return absl::ascii_isdigit(python.back());
}

bool IsScalarOrList(const Json& value) {
  const JsonArray* array = value.AsArray();
  if (array == nullptr) return IsFiniteScalar(value);
  return std::all_of(array->begin(), array->end(), IsFiniteScalar);
}

// The cells of one row by column name.
class RowParser {
 public:
  explicit RowParser(const CsvTable& table)
      : name_(table.Column("name")),
        parameters_(table.Column("parameters_bn")),
        display_name_(table.Column("display_name")),
        url_(table.Column("url")),
        baseline_(table.Column("baseline")),
        description_(table.Column("description")),
        style_(table.Column("style")),
        tags_(table.Column("tags")),
        instruct_format_(table.Column("instruct_format")),
        settings_(table.Column("settings")),
        version_(table.Column("version")),
        nsfw_(table.Column("nsfw")) {}

  bool has_name_column() const { return name_.has_value(); }

  std::string Name(const CsvRow& row) const { return std::string(PythonStrip(Text(row, name_))); }

  // The row, or why it is left out. `issues` gets what is only remarkable.
  absl::StatusOr<TextModelRow> Parse(const CsvRow& row, std::vector<RecordIssue>* issues) const {
    TextModelRow out;
    out.line = row.line;
    out.name = Name(row);
    if (out.name.empty()) return absl::InvalidArgumentError("the row has no name");
    RETURN_IF_ERROR(ValidateModelName(out.name));
    RETURN_IF_ERROR(ParseParameters(row, &out, issues));
    RETURN_IF_ERROR(ParseSettings(row, &out));
    for (const absl::string_view tag : absl::StrSplit(Text(row, tags_), ',')) {
      const absl::string_view stripped = PythonStrip(tag);
      if (!stripped.empty()) out.tags.emplace_back(stripped);
    }
    out.display_name = std::string(Text(row, display_name_));
    out.url = std::string(Text(row, url_));
    out.baseline = std::string(Text(row, baseline_));
    out.description = std::string(Text(row, description_));
    out.style = std::string(Text(row, style_));
    out.instruct_format = std::string(Text(row, instruct_format_));
    out.version = std::string(Text(row, version_));
    out.nsfw = absl::AsciiStrToLower(PythonStrip(Text(row, nsfw_))) == "true";
    return out;
  }

 private:
  using Column = std::optional<size_t>;

  static absl::string_view Text(const CsvRow& row, const Column& column) {
    const std::string* cell = Cell(row, column);
    return cell == nullptr ? absl::string_view() : absl::string_view(*cell);
  }

  absl::Status ParseParameters(const CsvRow& row, TextModelRow* out,
                               std::vector<RecordIssue>* issues) const {
    const absl::string_view text = PythonStrip(Text(row, parameters_));
    if (text.empty()) {
      issues->push_back(
          {out->name, row.line, IssueSeverity::kWarning, "parameters_bn is blank, 0 is used"});
    }
    const std::optional<double> billions = text.empty() ? 0.0 : PythonFloat(text);
    if (!billions.has_value() || !std::isfinite(*billions * kBillion)) {
      return absl::InvalidArgumentError(absl::StrCat("parameters_bn is not a number: ", text));
    }
    out->parameters_bn = *billions;
    const double count = std::trunc(*billions * kBillion);
    out->parameters.lexeme = count == 0 ? "0" : absl::StrFormat("%.0f", count);
    return absl::OkStatus();
  }

  absl::Status ParseSettings(const CsvRow& row, TextModelRow* out) const {
    const absl::string_view text = PythonStrip(Text(row, settings_));
    if (text.empty()) return absl::OkStatus();
    absl::StatusOr<Json> value = ParseJson(text);
    if (!value.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("settings is not JSON: ", value.status().message()));
    }
    if (value->is_null()) return absl::OkStatus();
    JsonObject* object = value->AsObject();
    if (object == nullptr) return absl::InvalidArgumentError("settings is not a JSON object");
    for (const auto& [name, member] : object->members()) {
      if (!IsScalarOrList(member)) {
        return absl::InvalidArgumentError(
            absl::StrCat("settings.", name, " is neither a finite scalar nor a list of such"));
      }
    }
    out->settings = std::move(*object);
    return absl::OkStatus();
  }

  const Column name_, parameters_, display_name_, url_, baseline_, description_, style_, tags_,
      instruct_format_, settings_, version_, nsfw_;
};

// Of the least number that is read as `count`, which truncation may keep from being count / 1e9.
double BillionsOf(double count) {
  double billions = count / kBillion;
  while (std::trunc(billions * kBillion) < count) billions = std::nextafter(billions, HUGE_VAL);
  return billions;
}

// From the integer, which is what the original keeps.
std::string BillionsText(const TextModelRow& row) {
  double count = 0;
  if (!absl::SimpleAtod(row.parameters.lexeme, &count) || !std::isfinite(count)) count = 0;
  const double billions = BillionsOf(count);
  if (billions == std::trunc(billions)) return absl::StrFormat("%.0f", billions);
  std::string text = absl::StrFormat("%.10f", billions);
  double read = 0;
  if (!absl::SimpleAtod(text, &read) || std::trunc(read * kBillion) != count) {
    text = absl::StrFormat("%.17g", billions);
    if (absl::StrContains(text, 'e')) return text;
  }
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

// One line with ", " between items as ",": json.dumps(separators=(",", ": ")).
std::string SettingsText(const std::optional<JsonObject>& settings) {
  if (!settings.has_value() || settings->empty()) return "";
  std::string out = "{";
  for (const auto& [name, value] : settings->members()) {
    const JsonStyle compact = {.indent = -1, .ascii = true, .compact = true};
    absl::StrAppend(&out, out.size() > 1 ? "," : "", FormatJson(Json(name), compact), ": ",
                    FormatJson(PythonNormalized(value), compact));
  }
  return absl::StrCat(out, "}");
}

}  // namespace

absl::StatusOr<ModelsCsv> ParseModelsCsv(absl::string_view text, const CsvLimits& limits) {
  ModelsCsv out;
  ASSIGN_OR_RETURN(out.table, ParseCsv(text, limits));
  const RowParser parser(out.table);
  if (!parser.has_name_column()) {
    return absl::InvalidArgumentError("line 1: no column is called \"name\"");
  }
  for (const CsvRow& row : out.table.rows) {
    absl::StatusOr<TextModelRow> parsed = parser.Parse(row, &out.issues);
    if (parsed.ok()) {
      out.rows.push_back(*std::move(parsed));
      continue;
    }
    ++out.rejected;
    std::string name = parser.Name(row);
    if (!IsValidUtf8(name) || name.empty() || name.size() > kMaxModelNameBytes) {
      name = absl::StrCat(kRowWithoutName, row.line, ">");
    }
    out.issues.push_back(
        {std::move(name), row.line, IssueSeverity::kError, std::string(parsed.status().message())});
  }
  return out;
}

bool IsRowWithoutName(absl::string_view model) { return absl::StartsWith(model, kRowWithoutName); }

const std::vector<std::string>& ModelsCsvColumns() {
  static const auto& columns = *new std::vector<std::string>{
      "name",  "parameters_bn", "display_name",    "url",     "baseline", "description",
      "style", "tags",          "instruct_format", "settings"};
  return columns;
}

std::vector<std::string> ModelsCsvCells(const TextModelRow& row) {
  return {row.name,
          BillionsText(row),
          row.display_name,
          row.url,
          row.baseline,
          row.description,
          row.style,
          absl::StrJoin(row.tags, ","),
          row.instruct_format,
          SettingsText(row.settings)};
}

std::string FormatModelsCsv(const std::vector<TextModelRow>& rows) {
  std::string out;
  AppendCsvRow(ModelsCsvColumns(), &out);
  for (const TextModelRow& row : rows) AppendCsvRow(ModelsCsvCells(row), &out);
  return out;
}

}  // namespace modelref

#include "clients/modelrefctl/table.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

constexpr size_t kGap = 2;
// A column is never cut below this; the terminal wraps instead.
constexpr size_t kMinWidth = 8;

using Row = std::vector<std::string>;

std::vector<size_t> MeasureColumns(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  return widths;
}

// Takes columns from the widest until the line fits.
void ShrinkToFit(size_t line_width, std::vector<size_t>* widths) {
  size_t total = std::accumulate(widths->begin(), widths->end(), kGap * (widths->size() - 1));
  while (total > line_width) {
    const auto widest = std::max_element(widths->begin(), widths->end());
    if (*widest <= kMinWidth) return;
    --*widest;
    --total;
  }
}

void AppendCell(const std::string& cell, size_t width, bool align_right, bool last,
                std::string* line) {
  const std::string fitted = FitWidth(cell, width);
  const size_t padding = width - std::min(width, DisplayWidth(fitted));
  if (align_right) line->append(padding, ' ');
  line->append(fitted);
  if (last) return;
  if (!align_right) line->append(padding, ' ');
  line->append(kGap, ' ');
}

}  // namespace

std::string Table::Format(const TableStyle& style, bool wide) const {
  std::vector<size_t> shown;
  std::vector<Row> lines(1);
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].wide_only && !wide) continue;
    shown.push_back(i);
    lines[0].push_back(absl::AsciiStrToUpper(columns_[i].name));
  }
  for (const Row& row : rows_) {
    Row& line = lines.emplace_back();
    for (const size_t i : shown) line.push_back(TerminalSafe(row[i]));
  }
  std::vector<size_t> widths = MeasureColumns(lines);
  if (style.width != 0) ShrinkToFit(style.width, &widths);
  std::string out;
  for (size_t row = 0; row < lines.size(); ++row) {
    std::string line;
    for (size_t i = 0; i < shown.size(); ++i) {
      AppendCell(lines[row][i], widths[i], columns_[shown[i]].align_right, i + 1 == shown.size(),
                 &line);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    const bool bold = row == 0 && style.bold_heading;
    absl::StrAppend(&out, bold ? "\033[1m" : "", line, bold ? "\033[0m" : "", "\n");
  }
  return out;
}

std::string PlainLine(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    absl::StrAppend(&line, &cell == &cells.front() ? "" : "\t", TabField(cell));
  }
  line.push_back('\n');
  return line;
}

std::string Table::FormatPlain() const {
  std::string out;
  for (const Row& row : rows_) out.append(PlainLine(row));
  return out;
}

}  // namespace modelref::ctl

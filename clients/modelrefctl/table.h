#pragma once

// Rows for people (aligned columns) and for tools (tab-separated).

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref::ctl {

struct Column {
  std::string name;        // The field's name in the proto; the heading is in capitals.
  bool wide_only = false;  // Shown by -o wide and plain, not by -o table.
  bool align_right = false;
};

struct TableStyle {
  size_t width = 0;  // Columns of the terminal; 0 cuts nothing.
  bool bold_heading = false;
};

// Rows have as many cells as there are columns; cells may hold any bytes.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  const std::vector<Column>& columns() const { return columns_; }

  // Aligned, under a heading. Columns that do not fit are cut, the widest first.
  std::string Format(const TableStyle& style, bool wide) const;
  // A row per line, all columns, no heading: what scripts cut.
  std::string FormatPlain() const;

 private:
  const std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// One line of Table::FormatPlain.
std::string PlainLine(const std::vector<std::string>& cells);

}  // namespace modelref::ctl

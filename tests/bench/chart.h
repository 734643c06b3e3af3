#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/bench/report.h"

namespace modelref::bench {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // By x.
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Line> lines;
};

// Write FOLDER/NAME.svg; nothing when the folder is empty. End the process when they cannot.
void WriteLineChart(const std::string& folder, const std::string& name, const LineChart& chart);
// The ratios of all rows that have one, as bars beside the bare server's 1.
void WriteRatioChart(const std::string& folder, const std::vector<Row>& rows);

}  // namespace modelref::bench

#include "tests/bench/chart.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "tests/bench/h2_connection.h"

namespace modelref::bench {
namespace {

constexpr std::array<const char*, 4> kColours = {"#1f77b4", "#888888", "#d62728", "#2ca02c"};
constexpr double kWidth = 760;
constexpr double kHeight = 380;
constexpr double kMargin = 70;
constexpr int kTicks = 5;

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

std::string Text(double x, double y, const std::string& anchor, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor,
                         Escaped(text));
}

std::string Stroke(double x1, double y1, double x2, double y2, const std::string& colour) {
  return absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
                         x1, y1, x2, y2, colour);
}

void WriteSvg(const std::string& folder, const std::string& name, double height,
              const std::string& body) {
  std::filesystem::create_directories(folder);
  const std::string file = absl::StrCat(folder, "/", name, ".svg");
  std::ofstream out(file);
  out << absl::StrFormat(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
             "font-family=\"sans-serif\" font-size=\"12\">\n"
             "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
             kWidth, height)
      << body << "</svg>\n";
  out.close();
  if (!out) Die("cannot write " + file);
}

// From values to places on the page.
struct Scale {
  double x_max = 0;
  double y_max = 0;

  double X(double x) const { return kMargin + x / x_max * (kWidth - 2 * kMargin); }
  double Y(double y) const { return kHeight - kMargin - y / y_max * (kHeight - 2 * kMargin); }
};

std::string Axes(const LineChart& chart, const Scale& scale) {
  std::string svg = Text(kWidth / 2, 24, "middle", chart.title) +
                    Text(kWidth / 2, kHeight - 20, "middle", chart.x_label) +
                    Text(kMargin, kMargin - 14, "middle", chart.y_label);
  for (int tick = 0; tick <= kTicks; ++tick) {
    const double x = scale.x_max * tick / kTicks;
    const double y = scale.y_max * tick / kTicks;
    svg += Text(scale.X(x), kHeight - kMargin + 18, "middle", absl::StrFormat("%.6g", x)) +
           Text(kMargin - 6, scale.Y(y) + 4, "end", absl::StrFormat("%.6g", y)) +
           Stroke(kMargin, scale.Y(y), kWidth - kMargin, scale.Y(y), "#dddddd");
  }
  return svg;
}

}  // namespace

void WriteLineChart(const std::string& folder, const std::string& name, const LineChart& chart) {
  if (folder.empty()) return;
  Scale scale;
  for (const Line& line : chart.lines) {
    for (const auto& [x, y] : line.points) {
      scale.x_max = std::max(scale.x_max, x);
      scale.y_max = std::max(scale.y_max, y);
    }
  }
  if (scale.x_max <= 0 || scale.y_max <= 0) return;
  std::string svg = Axes(chart, scale);
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    const char* const colour = kColours[i % kColours.size()];
    absl::StrAppend(&svg, "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"", colour,
                    "\" points=\"");
    for (const auto& [x, y] : chart.lines[i].points) {
      absl::StrAppendFormat(&svg, "%.1f,%.1f ", scale.X(x), scale.Y(y));
    }
    const double y = kMargin + 18 * static_cast<double>(i);
    absl::StrAppend(&svg, "\"/>\n",
                    Stroke(kWidth - kMargin - 130, y - 4, kWidth - kMargin - 110, y - 4, colour),
                    Text(kWidth - kMargin - 104, y, "start", chart.lines[i].name));
  }
  WriteSvg(folder, name, kHeight, svg);
}

void WriteRatioChart(const std::string& folder, const std::vector<Row>& rows) {
  if (folder.empty()) return;
  constexpr double kLeft = 340;
  constexpr double kStep = 18;
  constexpr double kUnit = 170;  // What a ratio of 1 takes.
  std::string svg = Text(kWidth / 2, 24, "middle", "modelrefd / bare server (green: goal met)");
  double y = 40;
  for (const Row& row : rows) {
    if (!row.ratio.has_value()) continue;
    const std::optional<bool> met = IsMet(row);
    const double width = std::min(*row.ratio * kUnit, kWidth - kLeft - 60);
    absl::StrAppend(&svg, Text(kLeft - 8, y + 11, "end", row.name),
                    absl::StrFormat("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"13\" "
                                    "fill=\"%s\"/>\n",
                                    kLeft, y, width,
                                    !met.has_value() ? "#9ecae1"
                                    : *met           ? "#2ca02c"
                                                     : "#d62728"),
                    Text(kLeft + width + 4, y + 11, "start", absl::StrFormat("%.2f", *row.ratio)));
    y += kStep;
  }
  svg += Stroke(kLeft + kUnit, 34, kLeft + kUnit, y, "black");
  WriteSvg(folder, "ratios", y + 20, svg);
}

}  // namespace modelref::bench

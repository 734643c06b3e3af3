#include "tests/bench/report.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backends/base/json.h"

namespace modelref::bench {
namespace {

std::string Number(const std::optional<double>& value) {
  if (!value.has_value()) return "-";
  if (*value >= 1000) return absl::StrFormat("%.0f", *value);
  return absl::StrFormat("%.3g", *value);
}

std::string JsonNumber(const std::optional<double>& value) {
  return value.has_value() ? absl::StrFormat("%.6g", *value) : "null";
}

std::string JsonText(const std::string& text) { return CanonicalJson(modelref::Json(text)); }

std::string Quartiles(const std::vector<double>& values) {
  if (values.size() < 2) return "";
  return absl::StrFormat("%.3g..%.3g", Percentile(values, 0.25), Percentile(values, 0.75));
}

void PrintRow(const Row& row) {
  if (!row.ours.has_value()) {
    std::printf("%-54s %s\n", row.name.c_str(), row.note.c_str());
    return;
  }
  const std::optional<bool> met = IsMet(row);
  std::printf("%-54s %9s %9s %6s  %-14s %-17s %-3s %s\n", row.name.c_str(),
              Number(row.ours).c_str(), Number(row.bare).c_str(), Number(row.ratio).c_str(),
              row.spread.c_str(), GoalText(row).c_str(),
              !met.has_value() ? ""
              : *met           ? "yes"
                               : "NO",
              row.unit.c_str());
  std::fflush(stdout);
}

}  // namespace

double Median(std::vector<double> values) { return Percentile(std::move(values), 0.5); }

double Percentile(std::vector<double> values, double fraction) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double place = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (values[above] - values[below]) * (place - static_cast<double>(below));
}

std::optional<bool> IsMet(const Row& row) {
  const bool of_ratio = row.goal.kind == Goal::kRatioAtLeast || row.goal.kind == Goal::kRatioAtMost;
  const std::optional<double>& value = of_ratio ? row.ratio : row.ours;
  if (row.goal.kind == Goal::kNone || !value.has_value()) return std::nullopt;
  if (row.goal.enough.has_value() && row.ours.value_or(0) >= *row.goal.enough) return true;
  const bool at_least = row.goal.kind == Goal::kRatioAtLeast || row.goal.kind == Goal::kAtLeast;
  return at_least ? *value >= row.goal.limit : *value <= row.goal.limit;
}

std::string GoalText(const Row& row) {
  switch (row.goal.kind) {
    case Goal::kRatioAtLeast:
      return absl::StrFormat("ratio >= %g", row.goal.limit) +
             (row.goal.enough ? absl::StrFormat(" or %g", *row.goal.enough) : "");
    case Goal::kRatioAtMost:
      return absl::StrFormat("ratio <= %g", row.goal.limit);
    case Goal::kAtLeast:
      return absl::StrFormat(">= %g %s", row.goal.limit, row.unit);
    case Goal::kAtMost:
      return absl::StrFormat("<= %g %s", row.goal.limit, row.unit);
    case Goal::kNone:
      break;
  }
  return "";
}

void Report::Add(Row row) {
  if (rows_.empty()) {
    std::printf("%-54s %9s %9s %6s  %-14s %-17s %-3s %s\n", "name", "ours", "bare", "ratio",
                "quartiles", "goal", "met", "unit");
  }
  PrintRow(row);
  rows_.push_back(std::move(row));
}

void Report::AddRounds(const std::string& name, const std::string& unit, const Rounds& rounds,
                       const Goal& goal) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(rounds.ours.size(), rounds.bare.size()); ++i) {
    ratios.push_back(rounds.ours[i] / rounds.bare[i]);
  }
  Row row{.name = name, .goal = goal, .unit = unit, .spread = Quartiles(ratios)};
  row.ours = Median(rounds.ours);
  row.bare = Median(rounds.bare);
  row.ratio = Median(ratios);
  Add(std::move(row));
}

void Report::AddOurs(const std::string& name, const std::string& unit, double ours,
                     const Goal& goal) {
  Row row{.name = name, .goal = goal, .unit = unit};
  row.ours = ours;
  Add(std::move(row));
}

void Report::AddNotRun(const std::string& name, const std::string& why) {
  Add({.name = name, .note = absl::StrCat("not run: ", why)});
}

std::string Report::Json() const {
  std::string json = "[";
  for (const Row& row : rows_) {
    const std::optional<bool> met = IsMet(row);
    absl::StrAppend(&json, json.size() > 1 ? ",\n " : "\n ", "{\"name\": ", JsonText(row.name),
                    ", \"ours\": ", JsonNumber(row.ours), ", \"bare\": ", JsonNumber(row.bare),
                    ", \"ratio\": ", JsonNumber(row.ratio), ", \"goal\": ", JsonText(GoalText(row)),
                    ", \"met\": ",
                    !met.has_value() ? "null"
                    : *met           ? "true"
                                     : "false",
                    ", \"unit\": ", JsonText(row.unit), ", \"spread\": ", JsonText(row.spread),
                    ", \"note\": ", JsonText(row.note), "}");
  }
  return json + "\n]\n";
}

void Report::PrintSummary() const {
  int goals = 0;
  int met = 0;
  for (const Row& row : rows_) {
    const std::optional<bool> reached = IsMet(row);
    goals += reached.has_value() ? 1 : 0;
    met += reached.value_or(false) ? 1 : 0;
  }
  std::printf("\n%d of %d goals met\n", met, goals);
  for (const Row& row : rows_) {
    if (IsMet(row).value_or(true)) continue;
    std::printf("  missed: %s: ours %s, bare %s, ratio %s; goal %s\n", row.name.c_str(),
                Number(row.ours).c_str(), Number(row.bare).c_str(), Number(row.ratio).c_str(),
                GoalText(row).c_str());
  }
}

}  // namespace modelref::bench

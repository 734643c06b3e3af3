#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref::bench {

// What is expected of a row: of ours, or of the ratio ours / bare.
struct Goal {
  enum Kind { kNone, kRatioAtLeast, kRatioAtMost, kAtLeast, kAtMost };
  Kind kind = kNone;
  double limit = 0;
  // With kRatioAtLeast: so much of ours is enough, whatever the ratio.
  std::optional<double> enough;
};

struct Row {
  std::string name;
  std::optional<double> ours;
  std::optional<double> bare;
  std::optional<double> ratio;
  Goal goal;
  std::string unit;
  std::string spread;  // Of the ratio over the rounds, or of ours.
  std::string note;    // Why there is no number.
};

// Pairs of one round each.
struct Rounds {
  std::vector<double> ours;
  std::vector<double> bare;
};

double Median(std::vector<double> values);
// `fraction` of the values are at most this.
double Percentile(std::vector<double> values, double fraction);

class Report {
 public:
  // Medians of both sides; the ratio is the median of the rounds' ratios, which the machine's noise
  // disturbs less than a ratio of medians.
  void AddRounds(const std::string& name, const std::string& unit, const Rounds& rounds,
                 const Goal& goal);
  // A number of ours alone.
  void AddOurs(const std::string& name, const std::string& unit, double ours, const Goal& goal);
  void AddNotRun(const std::string& name, const std::string& why);

  // Rows are printed as they come, so that a run that is stopped was not in vain.
  const std::vector<Row>& rows() const { return rows_; }
  // A JSON list of {name, ours, bare, ratio, goal, met, unit, spread, note}.
  std::string Json() const;
  // One line about goals, and one for each that was missed.
  void PrintSummary() const;

 private:
  void Add(Row row);

  std::vector<Row> rows_;
};

// Whether the goal is reached; nothing when there is no goal or no number.
std::optional<bool> IsMet(const Row& row);
// ">= 0.95 of bare", "<= 3 ms"; empty when there is none.
std::string GoalText(const Row& row);

}  // namespace modelref::bench

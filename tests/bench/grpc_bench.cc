// modelrefd beside a bare gRPC server of the same answers and beside other servers, in one run.
//
// grpc_bench [--quick | --smoke] [--json FILE] [--output DIR] [--profile CASE] [GROUP...]
//
// Prints a table of medians, and what falls short of its goal; see README.md beside this file. Ends
// with 0 when everything was measured, whatever came out.

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/bench_cases.h"
#include "tests/bench/chart.h"

namespace modelref::bench {
namespace {

struct Group {
  absl::string_view name;
  void (*run)(Bench*);
  bool profiles = false;  // Has cases that --profile knows.
};

constexpr Group kGroups[] = {
    {"unary", RunUnaryCases, true},    {"pause", RunPauseCases},        {"idle", RunIdleCases},
    {"fan-out", RunFanOutCases, true}, {"huge", RunHugeCases, true},    {"start", RunStartCases},
    {"history", RunHistoryCases},      {"writes", RunWriteCases, true}, {"peers", RunPeerCases},
};

constexpr char kUsage[] =
    "usage: grpc_bench [--quick | --smoke] [--json FILE] [--output DIR]\n"
    "                  [--profile CASE] [GROUP...]\n";

struct Arguments {
  Bench bench;
  std::string json;
  std::vector<std::string> groups;
};

[[noreturn]] void FailUsage(const std::string& argument) {
  std::fprintf(stderr, "grpc_bench: what does %s mean?\n%s", argument.c_str(), kUsage);
  std::exit(2);
}

bool IsGroup(absl::string_view name) {
  for (const Group& group : kGroups) {
    if (group.name == name) return true;
  }
  return false;
}

Arguments ReadArguments(const std::vector<std::string>& words) {
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool has_value = i + 1 < words.size();
    if (words[i] == "--quick") {
      arguments.bench.plan = Plan::Quick();
    } else if (words[i] == "--smoke") {
      arguments.bench.plan = Plan::Smoke();
    } else if (words[i] == "--json" && has_value) {
      arguments.json = words[++i];
    } else if (words[i] == "--output" && has_value) {
      arguments.bench.output = words[++i];
    } else if (words[i] == "--profile" && has_value) {
      arguments.bench.profile = words[++i];
    } else if (IsGroup(words[i])) {
      arguments.groups.push_back(words[i]);
    } else {
      FailUsage(words[i]);
    }
  }
  return arguments;
}

bool Wants(const Arguments& arguments, absl::string_view name) {
  for (const std::string& group : arguments.groups) {
    if (group == name) return true;
  }
  return arguments.groups.empty();
}

int Main(const std::vector<std::string>& words) {
  Arguments arguments = ReadArguments(words);
  Bench& bench = arguments.bench;
  bench.folder = (std::filesystem::temp_directory_path() / "grpc_bench.XXXXXX").string();
  if (!bench.profile.empty() && bench.output.empty()) bench.output += ".";
  if (mkdtemp(bench.folder.data()) == nullptr) Die("cannot make " + bench.folder);
  for (const Group& group : kGroups) {
    if (!Wants(arguments, group.name)) continue;
    if (bench.profile.empty() || group.profiles) group.run(&bench);
  }
  std::filesystem::remove_all(bench.folder);
  if (!bench.profile.empty() && !bench.profile_found) Die("no case is called " + bench.profile);
  if (!bench.profile.empty()) return 0;
  bench.report.PrintSummary();
  WriteRatioChart(bench.output, bench.report.rows());
  if (arguments.json.empty()) return 0;
  std::ofstream out(arguments.json);
  out << bench.report.Json();
  out.close();
  if (!out) Die("cannot write " + arguments.json);
  return 0;
}

}  // namespace

Plan Plan::Quick() {
  Plan plan;
  plan.rounds = 11;
  plan.seconds = 0.12;
  plan.idle_calls = 8;
  plan.fan_out_rounds = 5;
  plan.list_calls = 300;
  plan.write_rounds = 5;
  plan.starts = 3;
  plan.history_bytes = 64 << 20;
  return plan;
}

Plan Plan::Smoke() {
  Plan plan;
  plan.rounds = 1;
  plan.seconds = 0.02;
  plan.idle_calls = 1;
  plan.idle_streams = {20};
  plan.fan_outs = {20};
  plan.fan_out_connections = {5};
  plan.fan_out_rounds = 1;
  plan.huge_models = 2'000;
  plan.written_models = {100};
  plan.write_rounds = 1;
  plan.list_calls = 5;
  plan.starts = 1;
  plan.history_bytes = 1 << 20;
  return plan;
}

}  // namespace modelref::bench

int main(int argc, char** argv) {
  return modelref::bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}

// The descriptions of health, info, whoami and stats.

#include "clients/modelrefctl/server_commands.h"

#include "clients/modelrefctl/commands.h"

namespace modelref::ctl {
namespace {

std::vector<OutputMode> PrintModes() {
  return {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide,
          OutputMode::kJson,  OutputMode::kJsonl, OutputMode::kYaml};
}

CommandSpec HealthSpec() {
  CommandSpec health;
  health.path = "health";
  health.arguments = "[SERVICE]";
  health.max_arguments = 1;
  health.summary = "Ask whether the server, or one of its services, is serving";
  health.details =
      "Exit status 0 serving, 8 not serving or not reachable, 3 unknown service.\n"
      "--format nagios exits as a Nagios plugin: 0 OK, 2 CRITICAL, 3 UNKNOWN.";
  health.first_example = "modelrefctl health";
  health.second_example = "modelrefctl health modelref.v1.WatchService --format nagios";
  health.flags = {{"format", "FORMAT", "How to say it", "text|json|nagios|prometheus"}};
  health.outputs = {OutputMode::kPlain, OutputMode::kJson, OutputMode::kJsonl};
  health.run = &RunHealth;
  return health;
}

CommandSpec InfoSpec() {
  CommandSpec info;
  info.path = "info";
  info.summary = "Show what the server is: mode, versions, capabilities, position";
  info.first_example = "modelrefctl info";
  info.second_example = "modelrefctl info -o json";
  info.outputs = PrintModes();
  info.run = &RunInfo;
  return info;
}

CommandSpec WhoAmISpec() {
  CommandSpec whoami;
  whoami.path = "whoami";
  whoami.summary = "Show who the server takes you for, and what you may do";
  whoami.details = "Exit status 4 when it does not know your token, key or certificate.";
  whoami.first_example = "modelrefctl whoami";
  whoami.second_example = "modelrefctl whoami --token-file ~/.modelref -o json";
  whoami.outputs = PrintModes();
  whoami.run = &RunWhoAmI;
  return whoami;
}

CommandSpec StatsSpec() {
  CommandSpec stats;
  stats.path = "stats";
  stats.summary = "Show the counters of the server";
  stats.first_example = "modelrefctl stats";
  stats.second_example = "modelrefctl stats -o json";
  stats.outputs = PrintModes();
  stats.run = &RunStats;
  return stats;
}

}  // namespace

std::vector<CommandSpec> ServerCommands() {
  return {StatsSpec(), HealthSpec(), InfoSpec(), WhoAmISpec()};
}

}  // namespace modelref::ctl

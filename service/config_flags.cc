#include "service/config_flags.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "backends/base/failpoint.h"
#include "service/config_suggest.h"

namespace modelref {
namespace {

constexpr absl::string_view kOwnPrefix = "MODELREF_";

// Settings whose flag may be repeated, each time adding to the list.
bool IsList(absl::string_view path) { return path == "listen"; }

const FlagRow* FindFlag(absl::string_view name) {
  for (const FlagRow& row : FlagTable()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::vector<std::string> FlagNames() {
  std::vector<std::string> names;
  for (const FlagRow& row : FlagTable()) names.push_back(absl::StrCat("--", row.name));
  return names;
}

void AddSetting(const FlagRow& row, const std::string& value, ParsedFlags* flags) {
  if (row.name == "config") {
    flags->config_file = value;
  } else if (row.name == "set") {
    const size_t equals = value.find('=');
    if (equals == std::string::npos) {
      flags->errors.push_back("--set needs FIELD=VALUE, such as --set limits.streams=1000");
      return;
    }
    flags->settings.push_back({value.substr(0, equals), value.substr(equals + 1), "--set"});
  } else {
    flags->settings.push_back({std::string(row.path), value, absl::StrCat("--", row.name)});
  }
}

// A switch, or a boolean setting, which needs no value.
void AddSwitch(const FlagRow& row, ParsedFlags* flags) {
  if (row.name == "help") flags->help = true;
  if (row.name == "version") flags->version = true;
  if (row.name == "print-config") flags->print_config = true;
  if (row.name == "check-config") flags->check_config = true;
  if (!row.path.empty()) AddSetting(row, "true", flags);
}

}  // namespace

const std::vector<FlagRow>& FlagTable() {
  static const auto& table = *new std::vector<FlagRow>{
      {"data-dir", "DIR", "data_dir", "MODELREF_DATA_DIR", "the directory of the catalogue"},
      {"listen", "HOST:PORT", "listen", "MODELREF_LISTEN",
       "where to serve gRPC; may be repeated, \"unix:PATH\" too (default 127.0.0.1:50051)"},
      {"admin-listen", "HOST:PORT", "admin_listen", "MODELREF_ADMIN_LISTEN",
       "where to serve metrics and healthz, or \"none\" (default 127.0.0.1:9090)"},
      {"admin-grpc-listen", "HOST:PORT", "admin_grpc_listen", "MODELREF_ADMIN_GRPC_LISTEN",
       "where to serve reflection and channelz (default: not)"},
      {"mode", "primary|replica", "mode", "MODELREF_MODE", "what to do (default primary)"},
      {"upstream", "HOST:PORT", "upstream", "MODELREF_UPSTREAM", "the server a replica follows"},
      {"canonical-format", "v2|legacy", "canonical_format", "MODELREF_CANONICAL_FORMAT",
       "the format of writes and of requests without one (default v2)"},
      {"node-id", "NAME", "node_id", "MODELREF_NODE_ID",
       "the name in answers and logs (default: host name and a random suffix)"},
      {"cache-ttl", "DURATION", "cache.ttl", "MODELREF_CACHE_TTL",
       "how long content is fresh, such as 60s, or \"none\" (default 1m)"},
      {"log-level", "LEVEL", "log.level", "MODELREF_LOG_LEVEL",
       "debug, info, warning or error (default info)"},
      {"offline", "", "offline", "MODELREF_OFFLINE",
       "serve the data directory read-only, without the network"},
      {"config", "FILE", "", "MODELREF_CONFIG", "a configuration file (config.proto as JSON)"},
      {"set", "FIELD=VALUE", "", "", "any setting of the file, such as cache.ttl=30s; repeatable"},
      {"print-config", "", "", "", "print every setting with its value and origin, and exit"},
      {"check-config", "", "", "", "check the configuration and exit"},
      {"help", "", "", "", "print this and exit"},
      {"version", "", "", "", "print the version and exit"},
  };
  return table;
}

ParsedFlags ParseFlags(const std::vector<std::string>& arguments) {
  ParsedFlags flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "-h") argument = "--help";
    if (!absl::ConsumePrefix(&argument, "--")) {
      flags.errors.push_back(
          absl::StrCat("unexpected argument \"", arguments[i], "\": modelrefd takes flags only"));
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string name = absl::StrReplaceAll(argument.substr(0, equals), {{"_", "-"}});
    const FlagRow* row = FindFlag(name);
    if (row == nullptr) {
      flags.errors.push_back(
          absl::StrCat("unknown flag --", name, DidYouMean(absl::StrCat("--", name), FlagNames())));
      continue;
    }
    const bool is_switch = row->argument.empty();
    if (equals != absl::string_view::npos) {
      if (is_switch && row->path.empty()) {
        flags.errors.push_back(absl::StrCat("--", name, " takes no value"));
      } else {
        AddSetting(*row, std::string(argument.substr(equals + 1)), &flags);
      }
    } else if (is_switch) {
      AddSwitch(*row, &flags);
    } else if (i + 1 < arguments.size() && !absl::StartsWith(arguments[i + 1], "--")) {
      AddSetting(*row, arguments[++i], &flags);
    } else {
      flags.errors.push_back(
          absl::StrCat("--", name, " needs a value: --", name, " ", row->argument));
    }
  }
  return flags;
}

void ApplyOwnEnvironment(const std::map<std::string, std::string>& environment,
                         ConfigBuilder* builder, std::vector<std::string>* warnings) {
  // Of clients, tests and tools.
  const std::set<std::string> others = {"MODELREF_SERVER", "MODELREF_SHARED",
                                        "MODELREF_NO_PROGRESS", "MODELREF_CONTEXT",
                                        kFailpointsVariable};
  std::vector<std::string> known;
  for (const FlagRow& row : FlagTable()) {
    if (row.variable.empty()) continue;
    known.emplace_back(row.variable);
    const auto found = environment.find(known.back());
    if (found == environment.end() || found->second.empty() || row.path.empty()) continue;
    builder->ApplyText(row.path, found->second, {ConfigLayer::kEnvironment, known.back()});
  }
  for (const auto& [name, text] : environment) {
    if (!absl::StartsWith(name, kOwnPrefix) || others.count(name) > 0) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    warnings->push_back(absl::StrCat("unknown variable ", name, DidYouMean(name, known)));
  }
}

void ApplyFlags(const ParsedFlags& flags, ConfigBuilder* builder) {
  std::map<std::string, std::vector<std::string>> lists;
  for (const ParsedFlags::Setting& setting : flags.settings) {
    const ConfigOrigin origin{ConfigLayer::kFlag, setting.flag};
    if (!IsList(setting.path)) {
      builder->ApplyText(setting.path, setting.text, origin);
      continue;
    }
    std::vector<std::string>& values = lists[setting.path];
    values.push_back(setting.text);
    builder->ApplyText(setting.path, absl::StrJoin(values, ","), origin);
  }
}

std::string HelpText() {
  std::string text =
      "modelrefd serves model references over gRPC.\n\n"
      "Examples:\n"
      "  modelrefd --data-dir ./data\n"
      "  modelrefd --data-dir /srv/catalogue --listen 0.0.0.0:50051 --log-level warning\n\n"
      "Flags (a flag wins over its variable, that over the file, that over the default):\n";
  for (const FlagRow& row : FlagTable()) {
    std::string left = absl::StrCat("  --", row.name);
    if (!row.argument.empty()) absl::StrAppend(&left, " ", row.argument);
    absl::StrAppend(&left, std::string(left.size() < 32 ? 32 - left.size() : 1, ' '), row.help);
    if (!row.variable.empty()) {
      absl::StrAppend(&left, "\n", std::string(32, ' '), "[", row.variable, "]");
    }
    absl::StrAppend(&text, left, "\n");
  }
  absl::StrAppend(&text,
                  "\nThe variables of horde-model-reference (HORDE_MODEL_REFERENCE_*, "
                  "AIWORKER_CACHE_HOME)\nare understood. Exit codes: 0 after a clean shutdown, 1 "
                  "when serving fails, 2 for a\nconfiguration or command line that is wrong, 3 "
                  "after a shutdown that could not write\nevery file: the next start does.\n");
  return text;
}

}  // namespace modelref

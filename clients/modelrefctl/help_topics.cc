// The topics of `modelrefctl help TOPIC`.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/modelrefctl/command_table.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/help.h"

namespace modelref::ctl {
namespace {

std::string ExitCodesTopic() {
  std::string out =
      "Examples:\n"
      "  modelrefctl model get controlnet nothing; echo $?\n"
      "  modelrefctl category list --grpc-exit; echo $?\n\n"
      "The exit status says what happened:\n";
  for (const ExitCodeRow& row : ExitCodeTable()) {
    absl::StrAppendFormat(&out, "  %3d  %s\n", static_cast<int>(row.code), row.meaning);
  }
  absl::StrAppend(
      &out,
      "\nWith --grpc-exit a failed call gives 64 plus its gRPC code (69 for NOT_FOUND).\n"
      "health --format nagios exits as Nagios wants it: 0 OK, 2 CRITICAL, 3 UNKNOWN.\n");
  return out;
}

std::string EnvironmentTopic() {
  std::string out =
      "Examples:\n"
      "  MODELREF_SERVER=127.0.0.1:50051 modelrefctl category list\n"
      "  NO_COLOR=1 modelrefctl category list -o table\n\n"
      "A flag comes before a variable, a variable before the selected context, and that\n"
      "before the default.\n\n";
  for (const FlagSpec& flag : GlobalFlags()) {
    if (flag.variable.empty()) continue;
    absl::StrAppendFormat(&out, "  %-24s as --%s\n", flag.variable, flag.name);
  }
  absl::StrAppend(&out,
                  "  MODELREF_TOKEN           a bearer token itself, where no flag names a file\n"
                  "  MODELREF_TOKENS_FILE     as --tokens-file of the token commands\n"
                  "  MODELREF_NO_PROGRESS     no progress on stderr when set\n"
                  "  CLICOLOR_FORCE           colours even when stdout is no terminal\n"
                  "  TERM                     \"dumb\" switches colours and progress off\n"
                  "  COLUMNS                  the width of tables, instead of the terminal's\n"
                  "  XDG_CONFIG_HOME          contexts are kept in modelrefctl/config.json there;\n"
                  "                           default ~/.config\n");
  return out;
}

std::string FormattingTopic() {
  return "Examples:\n"
         "  modelrefctl model list controlnet -o jsonl\n"
         "  modelrefctl category list -o wide --no-truncate\n\n"
         "stdout carries data only; hints, warnings and progress go to stderr.\n\n"
         "  table  aligned columns that fit the terminal; default on a terminal\n"
         "  plain  tab-separated lines without a heading, all columns; default when piped.\n"
         "         Backslash, tab and line ends are written \\\\, \\t, \\n, \\r\n"
         "  wide   table with more columns\n"
         "  json   one JSON document\n"
         "  jsonl  one JSON object per line; default of watch when piped\n"
         "  yaml   the same as json, as YAML\n"
         "  name   names only, one per line\n\n"
         "JSON and YAML use the names of the proto (proto/modelref/v1), which never change.\n"
         "Fields without presence are always there, unset ones with presence never. 64-bit\n"
         "integers are numbers; etags, epochs and digests are lower-case hexadecimal; records\n"
         "are nested as they are, numbers as they were written; times are RFC 3339 in UTC and\n"
         "durations are seconds (\"1.5s\").\n\n"
         "category get and model get print the stored JSON itself, by default in canonical\n"
         "form: compact, in stored order, the same bytes from every server.\n\n"
         "With -o json or jsonl errors are JSON too, one line on stderr:\n"
         "  {\"error\":{\"code\":…,\"reason\":…,\"message\":…,\"exit_code\":…}}\n";
}

std::string FlagsTopic() {
  std::string out =
      "Examples:\n"
      "  modelrefctl --server 127.0.0.1:50051 category list\n"
      "  modelrefctl category list --timeout 2s -o json\n\n"
      "Flags of every command; they may stand anywhere:\n";
  for (const FlagSpec& flag : GlobalFlags()) {
    const std::string letter =
        flag.letter == 0 ? "    " : absl::StrCat("-", std::string(1, flag.letter), ", ");
    absl::StrAppendFormat(
        &out, "  %s--%-28s %s\n", letter,
        absl::StrCat(flag.name, flag.value_name.empty() ? "" : " ", flag.value_name), flag.help);
  }
  return out;
}

struct Topic {
  const char* name;
  std::string (*text)();
};

constexpr Topic kTopics[] = {{"exit-codes", &ExitCodesTopic},
                             {"environment", &EnvironmentTopic},
                             {"formatting", &FormattingTopic},
                             {"flags", &FlagsTopic}};

}  // namespace

std::vector<std::string> HelpTopics() {
  std::vector<std::string> names;
  for (const Topic& topic : kTopics) names.emplace_back(topic.name);
  return names;
}

std::string HelpTopic(absl::string_view topic) {
  for (const Topic& candidate : kTopics) {
    if (topic == candidate.name) return candidate.text();
  }
  return "";
}

}  // namespace modelref::ctl
